"""Just the fields of JobFlows, Jobs and pods that the operator reads.

Everything else of an object is skipped while decoding; a Job of 4 KB becomes a record of a few
hundred bytes in four microseconds. The informer keeps these, not the objects, and for as long as
the objects are there: 50,000 Jobs and as many pods of flows that have ended. So of their labels,
annotations and conditions, too, only those are kept that somebody asks for, and words that many of
them say are kept once.
"""

# Field names are the API's own, so that nothing has to be mapped.
# ruff: noqa: N815

from __future__ import annotations

from collections.abc import Container, Iterable
from sys import intern
from typing import Any

import msgspec

from jobflows.manifests.marks import Annotations, Labels, settle


class Owner(msgspec.Struct, frozen=True, gc=False):
    uid: str
    kind: str = ""
    name: str = ""
    controller: bool = False

    def __post_init__(self) -> None:
        settle(self, "uid", intern(self.uid))
        settle(self, "kind", intern(self.kind))
        settle(self, "name", intern(self.name))


class Meta(msgspec.Struct, frozen=True, gc=False):
    """The metadata of a flow."""

    name: str
    uid: str
    resourceVersion: str
    namespace: str = ""
    generateName: str = ""
    generation: int = 0
    creationTimestamp: str = ""
    deletionTimestamp: str | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class OwnedMeta(msgspec.Struct, frozen=True, gc=False):
    """The metadata of a Job or pod."""

    name: str
    uid: str
    resourceVersion: str
    namespace: str = ""
    creationTimestamp: str = ""
    deletionTimestamp: str | None = None
    labels: Labels = Labels()
    annotations: Annotations = Annotations()
    ownerReferences: tuple[Owner, ...] = ()

    def __post_init__(self) -> None:
        settle(self, "namespace", intern(self.namespace))

    @property
    def owner(self) -> Owner | None:
        """The controlling owner."""
        for owner in self.ownerReferences:
            if owner.controller:
                return owner
        return None


class Condition(msgspec.Struct, frozen=True, gc=False):
    type: str
    status: str
    reason: str = ""
    message: str = ""
    lastTransitionTime: str | None = None


def _telling(conditions: Iterable[Condition], kinds: Container[str]) -> tuple[Condition, ...]:
    """Those of these kinds."""
    telling = tuple(condition for condition in conditions if condition.type in kinds)
    for condition in telling:
        settle(condition, "type", intern(condition.type))
        settle(condition, "status", intern(condition.status))
        settle(condition, "reason", intern(condition.reason))
    return telling


class FlowRecord(msgspec.Struct):
    """A JobFlow. `spec` and `status` stay undecoded until somebody needs them."""

    metadata: Meta
    spec: msgspec.Raw = msgspec.Raw(b"{}")
    status: msgspec.Raw = msgspec.Raw(b"{}")

    def __post_init__(self) -> None:
        self.spec = self.spec.copy()  # else each keeps the whole page that it was read from
        self.status = self.status.copy()

    def document(self) -> dict[str, Any]:
        """The flow as users wrote it, for the validator."""
        meta = self.metadata
        return {
            "apiVersion": "workflow.kube-zen.io/v1alpha1",
            "kind": "JobFlow",
            "metadata": {
                "name": meta.name,
                "namespace": meta.namespace,
                "generateName": meta.generateName,
                "uid": meta.uid,
                "generation": meta.generation,
                "annotations": dict(meta.annotations),
                "labels": dict(meta.labels),
            },
            "spec": msgspec.json.decode(self.spec),
        }

    def decoded_status(self) -> dict[str, Any]:
        status: dict[str, Any] = msgspec.json.decode(self.status)
        return status


class Present(msgspec.Struct, frozen=True, gc=False):
    """Something is there, whatever it says. (A `Raw` cannot be optional.)"""


class TemplateSpec(msgspec.Struct, frozen=True, gc=False):
    restartPolicy: str = "Never"


class Template(msgspec.Struct, frozen=True, gc=False):
    spec: TemplateSpec = TemplateSpec()


class JobSpec(msgspec.Struct, frozen=True, gc=False):
    completions: int | None = None
    parallelism: int | None = None
    backoffLimit: int = 6
    suspend: bool = False
    podFailurePolicy: Present | None = None
    template: Template = Template()


class JobStatus(msgspec.Struct, frozen=True, gc=False):
    active: int = 0
    ready: int | None = None
    succeeded: int = 0
    failed: int = 0
    completedIndexes: str | None = None
    failedIndexes: str | None = None
    conditions: tuple[Condition, ...] = ()

    def __post_init__(self) -> None:
        if self.conditions:
            met = {condition.type for condition in self.conditions if condition.status == "True"}
            telling = _telling(self.conditions, _OVER if "Complete" in met else _VERDICTS)
            settle(self, "conditions", telling)


_OVER = frozenset({"Complete", "Failed"})
_VERDICTS = _OVER | {"SuccessCriteriaMet"}
"""Conditions of Jobs that somebody asks for; the last one only where Complete is missing."""


class JobRecord(msgspec.Struct, frozen=True, gc=False):
    metadata: OwnedMeta
    spec: JobSpec = JobSpec()
    status: JobStatus = JobStatus()

    @property
    def is_single(self) -> bool:
        """Whether one pod's success is the Job's success."""
        return (self.spec.completions or 1) == 1 and (self.spec.parallelism or 1) == 1

    @property
    def is_single_try(self) -> bool:
        """Whether it has one pod, once: what becomes of that pod becomes of the Job."""
        spec = self.spec
        return (
            self.is_single
            and spec.backoffLimit == 0
            and spec.podFailurePolicy is None
            and spec.template.spec.restartPolicy == "Never"
        )

    @property
    def is_over(self) -> bool:
        """Whether the Job controller is done with it."""
        return bool(self.status.conditions) and (
            self.condition("Complete") is not None or self.condition("Failed") is not None
        )

    def condition(self, kind: str) -> Condition | None:
        """The condition of that type, if it holds."""
        for condition in self.status.conditions:
            if condition.type == kind and condition.status == "True":
                return condition
        return None


class Waiting(msgspec.Struct, frozen=True, gc=False):
    reason: str = ""
    message: str = ""


class Running(msgspec.Struct, frozen=True, gc=False):
    startedAt: str | None = None


class Terminated(msgspec.Struct, frozen=True, gc=False):
    exitCode: int = 0
    reason: str = ""
    message: str = ""
    startedAt: str | None = None
    finishedAt: str | None = None


class ContainerState(msgspec.Struct, frozen=True, gc=False):
    waiting: Waiting | None = None
    running: Running | None = None
    terminated: Terminated | None = None


class ContainerStatus(msgspec.Struct, frozen=True, gc=False):
    name: str
    state: ContainerState = ContainerState()
    lastState: ContainerState = ContainerState()


_TELLING = frozenset({"PodScheduled", "DisruptionTarget"})
"""Conditions of pods that somebody asks for; three or four others come with each."""


class PodStatus(msgspec.Struct, frozen=True, gc=False):
    phase: str = "Pending"
    reason: str = ""
    message: str = ""
    conditions: tuple[Condition, ...] = ()
    initContainerStatuses: tuple[ContainerStatus, ...] = ()
    containerStatuses: tuple[ContainerStatus, ...] = ()

    def __post_init__(self) -> None:
        if self.conditions:
            settle(self, "conditions", _telling(self.conditions, _TELLING))

    @property
    def all_containers(self) -> tuple[ContainerStatus, ...]:
        """Those that run before the others first."""
        return (*self.initContainerStatuses, *self.containerStatuses)


class PodRecord(msgspec.Struct, frozen=True, gc=False):
    metadata: OwnedMeta
    status: PodStatus = PodStatus()

    @property
    def is_over(self) -> bool:
        """Whether no container of it will run again."""
        return self.status.phase in ("Succeeded", "Failed")
