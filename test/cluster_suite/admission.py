"""The webhook in front of a real API server: configurations for one namespace, and certificates."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cluster_suite.kube import Kube, Object
from unit.webhook.authority import TestAuthority

KINDS = {
    "validatingwebhookconfiguration": ("ValidatingWebhookConfiguration", "/validate"),
    "mutatingwebhookconfiguration": ("MutatingWebhookConfiguration", "/default"),
}


@contextmanager
def registered(kube: Kube, name: str, port: int, bundle: bytes = b"") -> Iterator[None]:
    """Both configurations, for flows of the test's namespace only; failurePolicy is Fail."""
    kube.apply(*(configuration(kube, name, kind, port, bundle) for kind in KINDS))
    try:
        yield
    finally:
        for kind in KINDS:
            kube("delete", kind, name)


def configuration(kube: Kube, name: str, kind: str, port: int, bundle: bytes) -> Object:
    title, path = KINDS[kind]
    client = {"url": f"https://127.0.0.1:{port}{path}"}
    if bundle:
        client["caBundle"] = base64.b64encode(bundle).decode()
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": title,
        "metadata": {"name": name},
        "webhooks": [
            {
                "name": "jobflows.workflow.kube-zen.io",
                "clientConfig": client,
                "rules": [
                    {
                        "apiGroups": ["workflow.kube-zen.io"],
                        "apiVersions": ["v1alpha1"],
                        "resources": ["jobflows"],
                        "operations": ["CREATE", "UPDATE"],
                    }
                ],
                "failurePolicy": "Fail",
                "sideEffects": "None",
                "admissionReviewVersions": ["v1"],
                "timeoutSeconds": 10,
                "namespaceSelector": {
                    "matchLabels": {"kubernetes.io/metadata.name": kube.namespace}
                },
            }
        ],
    }


def file_certificates(folder: Path, authority: TestAuthority, number: int) -> None:
    """A new pair in `folder`, laid out and exchanged as the kubelet does it with a Secret."""
    folder.mkdir(exist_ok=True)
    authority.write(folder / f"..version{number}")
    (folder / "..new").symlink_to(f"..version{number}")
    (folder / "..new").replace(folder / "..data")
    for name in ("tls.crt", "tls.key"):
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(f"..data/{name}")
