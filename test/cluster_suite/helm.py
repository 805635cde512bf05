"""helm, and the objects that the chart makes of values."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster import UnavailableError, binaries

Object = dict[str, Any]

CHART = Path(__file__).parents[2] / "deploy" / "helm" / "jobflows"
VALUE_FILES = sorted((CHART / "ci").glob("*.yaml"))

OF_OTHER_PROJECTS = {
    "Certificate",
    "Issuer",
    "PrometheusRule",
    "ServiceMonitor",
    "VerticalPodAutoscaler",
}
"""Kinds that only a cluster with their CRDs knows."""


class HelmError(AssertionError):
    """helm ended with an error; the text is what it said."""


@dataclass(frozen=True)
class Helm:
    """`helm`, with a kubeconfig if it is to talk to a cluster."""

    program: Path
    config: Path | str = os.devnull

    def __call__(self, *arguments: str | Path) -> str:
        """Run one command and return its output; raises HelmError."""
        done = subprocess.run(
            [str(word) for word in (self.program, *arguments)],
            env={**os.environ, "KUBECONFIG": str(self.config)},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            words = " ".join(map(str, arguments))
            raise HelmError(f"helm {words}: {done.stderr.strip()}\n{done.stdout}")
        return done.stdout

    def refused(self, *arguments: str | Path) -> str:
        """Run a command that must fail; returns what helm said."""
        try:
            answer = self(*arguments)
        except HelmError as error:
            return str(error)
        raise AssertionError(f"helm {' '.join(map(str, arguments))} was not refused: {answer}")

    def objects(self, *files: Path, namespace: str = "jobflow-system", **values: Any) -> Objects:
        """What `helm install jobflows` would make."""
        given = [word for file in files for word in ("--values", str(file))]
        given += [word for key, value in values.items() for word in _set(key, value)]
        text = self("template", "jobflows", CHART, "--namespace", namespace, *given)
        return Objects([made for made in yaml.safe_load_all(text) if made])


def _set(key: str, value: Any) -> tuple[str, str]:
    return "--set-json", f"{key.replace('__', '.')}={json.dumps(value)}"


@dataclass(frozen=True)
class Objects:
    """Manifests, found by their kind."""

    manifests: list[Object]

    def __iter__(self) -> Iterator[Object]:
        return iter(self.manifests)

    def kinds(self) -> list[str]:
        """The kinds of all, in order."""
        return sorted(made["kind"] for made in self)

    def all(self, kind: str) -> list[Object]:
        """All of a kind."""
        return [made for made in self if made["kind"] == kind]

    def the(self, kind: str) -> Object:
        """The operator's one of a kind; the programs beside it have their own of many."""
        (found,) = (made for made in self.all(kind) if program(made) == "operator")
        return found

    @property
    def pod(self) -> Object:
        """The operator's pod."""
        spec: Object = self.the("Deployment")["spec"]["template"]["spec"]
        return spec

    @property
    def container(self) -> Object:
        """The operator's container."""
        (found,) = self.pod["containers"]
        made: Object = found
        return made

    @property
    def args(self) -> list[str]:
        """The operator's command line."""
        found: list[str] = self.container["args"]
        return found


def ensure_helm() -> Path:
    """helm, built if need be. Where it cannot be, a skip; in CI, a failure."""
    try:
        return binaries.ensure([binaries.HELM])["helm"]
    except UnavailableError as reason:
        if os.environ.get("JOBFLOW_REQUIRE_CLUSTER") == "1":
            pytest.fail(f"JOBFLOW_REQUIRE_CLUSTER=1: {reason}")
        pytest.skip(f"helm: {reason}")


def program(made: Object) -> str:
    """Whose an object is: operator, recorder or web. What has no label is the operator's."""
    labels: dict[str, str] = made["metadata"].get("labels") or {}
    return labels.get("app.kubernetes.io/component", "operator")
