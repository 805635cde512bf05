"""Pods with what the archive wants to know besides: where they ran and what they asked for."""

# Field names are the API's own, so that nothing has to be mapped.
# ruff: noqa: N815

from __future__ import annotations

import msgspec

from jobflows.api.containers import MAIN
from jobflows.manifests.records import OwnedMeta, PodRecord, PodStatus


class Resources(msgspec.Struct, frozen=True, gc=False):
    requests: dict[str, str | int | float] = {}
    limits: dict[str, str | int | float] = {}


class Variable(msgspec.Struct, frozen=True, gc=False):
    name: str
    value: str = ""


class Container(msgspec.Struct, frozen=True, gc=False):
    name: str
    resources: Resources = Resources()
    env: tuple[Variable, ...] = ()


class PodSpec(msgspec.Struct, frozen=True, gc=False):
    nodeName: str = ""
    containers: tuple[Container, ...] = ()


class RecordedPod(msgspec.Struct, frozen=True, gc=False):
    metadata: OwnedMeta
    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()

    @property
    def is_over(self) -> bool:
        """Whether no container of it will run again."""
        return self.status.phase in ("Succeeded", "Failed")

    @property
    def plain(self) -> PodRecord:
        """The same for those who judge pods."""
        return PodRecord(self.metadata, self.status)


def main_of(pod: RecordedPod) -> Container | None:
    """The container `main`, or the first one."""
    containers = pod.spec.containers
    first = containers[0] if containers else None
    return next((each for each in containers if each.name == MAIN), first)
