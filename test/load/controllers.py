"""Who may be driven: what its objects are called, how they say that they are over, who it is.

The operator is started by the run itself, with a namespace of its own. Any other controller has to
be installed, and is known by the end of its user's name in the audit log.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from jobflows.cluster.resources import JOBFLOWS, JOBS, PODS, Resource
from load.manifests import Object, Pods, as_argo, as_jobflow
from load.work import Work

WORKFLOWS = Resource("argoproj.io", "v1alpha1", "workflows", "Workflow")


@dataclass(frozen=True, slots=True)
class Controller:
    """`creates` is what a step begins with; `tail` the parts of its name after the step's."""

    name: str
    resource: Resource
    user: str
    creates: Resource
    tail: int
    good: str
    bad: frozenset[str]
    manifest: Callable[[Work, Pods], Object]


CONTROLLERS = {
    "jobflow": Controller(
        name="jobflow",
        resource=JOBFLOWS,
        user="jobflow-operator",
        creates=JOBS,  # FLOW-STEP-ATTEMPT
        tail=1,
        good="Succeeded",
        bad=frozenset({"Failed"}),
        manifest=as_jobflow,
    ),
    "argo": Controller(
        name="argo",
        resource=WORKFLOWS,
        user=":argo",
        creates=PODS,  # FLOW-STEP-HASH
        tail=1,
        good="Succeeded",
        bad=frozenset({"Failed", "Error"}),
        manifest=as_argo,
    ),
}
