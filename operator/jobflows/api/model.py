"""A JobFlow as users write it: the root of the API.

`JobFlow.model_validate(document)` checks types, ranges and unknown fields only. Whether the flow
makes sense (dependencies, cycles, templates, expressions) is for `jobflows.api.validation`, which
everything that accepts a flow calls first.
"""

from typing import Any, Literal

from pydantic import ConfigDict, Field

from jobflows.api.base import Model
from jobflows.api.spec import Spec

GROUP = "workflow.kube-zen.io"
VERSION = "v1alpha1"
API_VERSION: Literal["workflow.kube-zen.io/v1alpha1"] = "workflow.kube-zen.io/v1alpha1"
KIND: Literal["JobFlow"] = "JobFlow"
PLURAL = "jobflows"

CREATED_BY = f"{GROUP}/created-by"
"""Annotation: the user who created the flow, as the API server or this machine knows them."""


class ObjectMeta(Model):
    """The part of Kubernetes' metadata that the project reads; the rest passes by."""

    model_config = ConfigDict(extra="ignore")

    name: str = ""
    generate_name: str = ""
    namespace: str = ""
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)
    uid: str = ""
    generation: int = 0
    creation_timestamp: str = ""
    resource_version: str = ""


class JobFlow(Model):
    """A DAG of Jobs."""

    api_version: Literal["workflow.kube-zen.io/v1alpha1"]
    kind: Literal["JobFlow"]
    metadata: ObjectMeta
    spec: Spec
    status: dict[str, Any] = Field(default_factory=dict)
    """What the operator last wrote; `jobflows.api.status` has its schema."""
