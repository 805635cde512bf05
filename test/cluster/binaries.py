"""Builds the cluster's programs from Go modules, once a machine, into the cache.

Versions are written in the `go.mod` files below `go/` and nowhere else; the cache folder carries
them in its name, so that changing a version builds anew and going back costs nothing.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cluster.errors import ClusterError, UnavailableError
from cluster.paths import SOURCE, cache, exclusive

OLDEST_GO = (1, 24)
NEEDS = "skipped: needs Go ≥ 1.24 or CLUSTER=kind with Docker"
_KUBERNETES_VERSION = "k8s.io/component-base/version"


@dataclass(frozen=True, slots=True)
class Module:
    """One folder below `go/`: the module whose version counts, and its linker settings."""

    folder: str
    path: str
    settings: tuple[str, ...] = ()

    @property
    def version(self) -> str:
        """The version that its go.mod requires, with its `v`."""
        text = (SOURCE / "go" / self.folder / "go.mod").read_text()
        found = re.search(rf"^(?:require)?\s+{re.escape(self.path)} (v\S+)", text, re.MULTILINE)
        if found is None:
            raise ClusterError(f"go/{self.folder}/go.mod does not require {self.path}")
        return found.group(1)

    @property
    def ldflags(self) -> str:
        """No debugging data, and the settings with the version put in."""
        version = self.version
        major, minor, _ = version.removeprefix("v").split(".", 2)
        values = {"version": version, "major": major, "minor": minor}
        return " ".join(["-s", "-w", *(f"-X {s.format(**values)}" for s in self.settings)])


@dataclass(frozen=True, slots=True)
class Binary:
    """A program: the module it comes from, its package, and how long two cores take over it."""

    name: str
    module: Module
    package: str
    effort: str

    @property
    def path(self) -> Path:
        """Where it is, or will be once built."""
        return cache() / "bin" / f"{self.module.folder}-{self.module.version}" / self.name


# Without gitVersion, clients and feature gates take the server for a version it is not.
KUBERNETES = Module(
    "kubernetes",
    "k8s.io/kubernetes",
    (
        f"{_KUBERNETES_VERSION}.gitVersion={{version}}",
        f"{_KUBERNETES_VERSION}.gitMajor={{major}}",
        f"{_KUBERNETES_VERSION}.gitMinor={{minor}}",
    ),
)
ETCD = Module("etcd", "go.etcd.io/etcd/server/v3")
KWOK = Module("kwok", "sigs.k8s.io/kwok", ("sigs.k8s.io/kwok/pkg/consts.Version={version}",))

_HELM = "helm.sh/helm/v3"
HELM_MODULE = Module(
    "helm",
    _HELM,
    (
        f"{_HELM}/internal/version.version={{version}}",
        # What it takes a cluster for that it is not connected to; left alone that is 1.20.
        f"{_HELM}/pkg/chartutil.k8sVersionMajor=1",
        f"{_HELM}/pkg/chartutil.k8sVersionMinor=34",
        f"{_HELM}/pkg/lint/rules.k8sVersionMajor=1",
        f"{_HELM}/pkg/lint/rules.k8sVersionMinor=34",
    ),
)

_EFFORT = {
    "kube-apiserver": "about 5 min",
    "kube-controller-manager": "about 2 min",
    "kubelet": "about 1 min",
}


def _kubernetes(name: str) -> Binary:
    return Binary(name, KUBERNETES, f"k8s.io/kubernetes/cmd/{name}", _EFFORT.get(name, "seconds"))


CONTROL_PLANE = (
    Binary("etcd", ETCD, "go.etcd.io/etcd/server/v3", "about 30 s"),
    _kubernetes("kube-apiserver"),
    _kubernetes("kube-controller-manager"),
    _kubernetes("kube-scheduler"),
)
SIMULATOR = (Binary("kwok", KWOK, "sigs.k8s.io/kwok/cmd/kwok", "about 3 min"),)
NODE = (_kubernetes("kubelet"), _kubernetes("kube-proxy"))
KUBECTL = _kubernetes("kubectl")
HELM = Binary("helm", HELM_MODULE, f"{_HELM}/cmd/helm", "about 2 min")


def for_mode(mode: str) -> tuple[Binary, ...]:
    """All programs of a mode; kubectl only where the machine has none."""
    kubectl = () if shutil.which("kubectl") else (KUBECTL,)
    return (*CONTROL_PLANE, *(SIMULATOR if mode == "sim" else NODE), *kubectl)


def ensure(wanted: Iterable[Binary]) -> Mapping[str, Path]:
    """Build what is missing, one after another, and return every program's path by name."""
    wanted = tuple(wanted)
    if any(not binary.path.exists() for binary in wanted):
        go = _go()
        # One lock for all: two builds at once would only share the same cores.
        with exclusive(cache() / "build.lock"):
            for binary in wanted:
                if not binary.path.exists():
                    _build(go, binary)
    return {binary.name: binary.path for binary in wanted}


def _go() -> str:
    go = shutil.which("go")
    if go is None:
        raise UnavailableError(NEEDS)
    answer = subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True, check=False)
    found = re.match(r"go(\d+)\.(\d+)", answer.stdout)
    if found is None or (int(found.group(1)), int(found.group(2))) < OLDEST_GO:
        raise UnavailableError(f"{NEEDS} (found {answer.stdout.strip() or go})")
    return go


def _build(go: str, binary: Binary) -> None:
    module = binary.module
    label = f"{binary.name} {module.version}"
    print(f"building {label} ({binary.effort}, once per machine) …", file=sys.stderr, flush=True)
    binary.path.parent.mkdir(parents=True, exist_ok=True)
    # A name of its own: a build whose caller was killed may still be writing to the one before.
    unfinished = binary.path.with_name(f".{binary.name}.{os.getpid()}")
    command = [go, "build", "-trimpath", "-buildvcs=false", "-mod=readonly"]
    command += ["-ldflags", module.ldflags, "-o", str(unfinished), binary.package]
    started = time.monotonic()
    done = subprocess.run(
        command,
        cwd=SOURCE / "go" / module.folder,
        env={**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "", "GOWORK": "off"},
        stdout=sys.stderr,
        check=False,
    )
    if done.returncode != 0:
        raise ClusterError(f"could not build {label}: go exited with {done.returncode}")
    unfinished.rename(binary.path)
    print(f"built {label} in {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
