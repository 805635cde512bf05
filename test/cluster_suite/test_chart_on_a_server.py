"""What a real API server says to the chart's objects. Nothing of them is kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cluster_suite.helm import OF_OTHER_PROJECTS, VALUE_FILES, Helm
from cluster_suite.kube import Kube

pytestmark = pytest.mark.cluster

FILES = [None, *VALUE_FILES]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem if file else "defaults")
def test_the_server_takes_every_object_and_knows_every_field(
    helm: Helm, kube: Kube, file: Path | None
) -> None:
    objects = helm.objects(*([file] if file else []), namespace=kube.namespace)
    sent = [made for made in objects if made["kind"] not in OF_OTHER_PROJECTS]
    for made in sent:
        if "namespace" in made["metadata"]:
            made["metadata"]["namespace"] = kube.namespace
    manifest = "\n".join(map(json.dumps, sent))
    flags = ("--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict")
    answer = kube("apply", "-f", "-", *flags, stdin=manifest)
    assert len(answer.splitlines()) == len(sent)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem if file else "defaults")
def test_its_pod_passes_restricted_pod_security(helm: Helm, kube: Kube, file: Path | None) -> None:
    kube("label", "namespace", kube.namespace, "pod-security.kubernetes.io/enforce=restricted")
    objects = helm.objects(*([file] if file else []))
    pod = {**objects.pod, "serviceAccountName": "default"}
    manifest = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "operator", "namespace": kube.namespace},
        "spec": pod,
    }
    kube("create", "-f", "-", "--dry-run=server", stdin=manifest)
    pod["securityContext"] = {}
    assert "violates PodSecurity" in kube.refused(
        "create", "-f", "-", "--dry-run=server", stdin=manifest
    )
