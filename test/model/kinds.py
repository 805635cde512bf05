"""The kinds the model serves, and the few facts that make one kind answer unlike another.

Each fact is one the real server keeps in the kind's "strategy"; the contract script
(`model.script`) holds the model to them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """One resource: where it is served, and what its strategy in the real server says.

    `status` means there is a /status subresource. `custom` resources need a resourceVersion in PUT,
    take no metadata through /status and repeat apiVersion and kind in list items. `orphan` is the
    default propagation of DELETE: batch/v1 keeps a deleted Job's pods unless told otherwise.
    """

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True
    status: bool = False
    generation: bool = False
    custom: bool = False
    orphan: bool = False
    create_on_update: bool = False
    unconditional_update: bool = True

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def qualified(self) -> str:
        """How messages name the resource: `jobs.batch`, `pods`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def qualified_kind(self) -> str:
        """How validation messages name the kind: `Job.batch`, `Pod`."""
        return f"{self.kind}.{self.group}" if self.group else self.kind


JOBFLOWS = Kind(
    "workflow.kube-zen.io",
    "v1alpha1",
    "jobflows",
    "JobFlow",
    status=True,
    generation=True,
    custom=True,
    unconditional_update=False,
)
JOBS = Kind("batch", "v1", "jobs", "Job", status=True, generation=True, orphan=True)
PODS = Kind("", "v1", "pods", "Pod", status=True, generation=True)
EVENTS = Kind("events.k8s.io", "v1", "events", "Event", create_on_update=True)
CLAIMS = Kind("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", status=True)
CONFIGMAPS = Kind("", "v1", "configmaps", "ConfigMap")
SECRETS = Kind("", "v1", "secrets", "Secret")
LEASES = Kind(
    "coordination.k8s.io",
    "v1",
    "leases",
    "Lease",
    create_on_update=True,
    unconditional_update=False,
)
VALIDATING_WEBHOOKS = Kind(
    "admissionregistration.k8s.io",
    "v1",
    "validatingwebhookconfigurations",
    "ValidatingWebhookConfiguration",
    namespaced=False,
    generation=True,
)
MUTATING_WEBHOOKS = Kind(
    "admissionregistration.k8s.io",
    "v1",
    "mutatingwebhookconfigurations",
    "MutatingWebhookConfiguration",
    namespaced=False,
    generation=True,
)
NAMESPACES = Kind("", "v1", "namespaces", "Namespace", namespaced=False, status=True)

KINDS = (
    JOBFLOWS,
    JOBS,
    PODS,
    EVENTS,
    CLAIMS,
    CONFIGMAPS,
    SECRETS,
    LEASES,
    VALIDATING_WEBHOOKS,
    MUTATING_WEBHOOKS,
    NAMESPACES,
)
