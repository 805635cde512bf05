"""What a flow is asked to do: its steps, and what they share."""

from typing import Annotated, Literal

from pydantic import Field

from jobflows.api.array import Array
from jobflows.api.base import Count, Flag, Model, Opaque, Positive, Rule, Seconds
from jobflows.api.map import Map
from jobflows.api.parameters import BY_NAME, Inputs, Outputs, Parameter
from jobflows.api.policy import ExecutionPolicy, RetryPolicy

StepType = Literal["Job", "Manual"]

MAX_STEPS = 10_000
MAX_TEMPLATES = 256
MAX_HANDLERS = 100

STEP_NAME_PATTERN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
STEP_NAME_LENGTH = 63

StepName = Annotated[
    str, Field(json_schema_extra={"pattern": STEP_NAME_PATTERN, "maxLength": STEP_NAME_LENGTH})
]

PASS_THROUGH = {
    "x-kubernetes-preserve-unknown-fields": True,
    "x-kubernetes-map-type": "atomic",
}
"""An object that belongs as a whole to whoever wrote it: an owner for each of its leaves would
double the size of a flow and the cost of each write to it."""


class Lock(Model):
    """Something that only so many steps of a namespace may use at once."""

    name: Annotated[
        str,
        Field(
            json_schema_extra={"pattern": STEP_NAME_PATTERN, "maxLength": STEP_NAME_LENGTH},
        ),
    ]
    """Name, shared by all flows of the namespace."""

    limit: Positive = 1
    """How many steps may hold it at once; where flows differ, the smaller limit counts. Absent: 1."""  # noqa: E501 - one sentence of kubectl explain


class StepMetadata(Model):
    """Labels and annotations of the step's Job."""

    labels: dict[str, str] = Field(default_factory=dict)
    """Labels, added to those of the template."""

    annotations: dict[str, str] = Field(default_factory=dict)
    """Annotations, added to those of the template."""


NO_METADATA = StepMetadata()
"""Shared by all steps without: pydantic would make a deep copy for each of 10,000."""


class Step(Model):
    """One node of the graph: a Job, or a person's approval."""

    cel = (
        Rule(
            "(has(self.template) ? 1 : 0) + (has(self.templateRef) ? 1 : 0)"
            " == (has(self.type) && self.type == 'Manual' ? 0 : 1)",
            "a Job step needs a template or a templateRef, a Manual step must have neither",
        ),
        Rule("has(self.templateRef) || !has(self.arguments)", "arguments need a templateRef"),
        Rule("!has(self.map) || !has(self.array)", "a map makes its own tasks: no array beside it"),
    )

    name: StepName
    """Name, unique in the flow: lower-case letters, digits and dashes, at most 63."""

    type: StepType = "Job"
    """Job: runs its template. Manual: waits for annotation approved.workflow.kube-zen.io/<step>."""

    message: Annotated[str, Field(max_length=1024)] | None = None
    """Shown while a Manual step waits."""

    metadata: StepMetadata = Field(default_factory=lambda: NO_METADATA)
    """Labels and annotations of the step's Job."""

    dependencies: Annotated[
        tuple[StepName, ...],
        Field(max_length=MAX_STEPS, json_schema_extra={"x-kubernetes-list-type": "atomic"}),
    ] = ()
    """Names of steps that must be done before this one starts."""

    when: Annotated[str, Field(min_length=1, max_length=4096)] | None = None
    """`always`, `never`, or a CEL expression over steps.<name>.phase, .outputs.<p>, .retryCount, .message and parameters.<p>, evaluated once when all dependencies are done; false skips the step."""  # noqa: E501 - one sentence of kubectl explain

    continue_on_failure: Flag = False
    """Whether dependents run although this step failed."""

    timeout_seconds: Seconds | None = None
    """Seconds an attempt may run before it is stopped and counts as failed. Absent: as the template says, or executionPolicy; a Manual step waits for ever."""  # noqa: E501 - one sentence of kubectl explain

    retry_policy: RetryPolicy | None = None
    """Retries of failed attempts. A field that is absent is taken from the template, then from executionPolicy. Absent everywhere: no retries."""  # noqa: E501 - one sentence of kubectl explain

    locks: Annotated[tuple[Lock, ...], Field(max_length=16, json_schema_extra=BY_NAME)] = ()
    """Locks that each attempt holds while it is live; it gets all of them or waits."""

    template: Annotated[Opaque, Field(json_schema_extra=PASS_THROUGH)] | None = None
    """A batch/v1 Job; its metadata.name and namespace are replaced."""

    template_ref: StepName | None = None
    """Name of one of spec.templates, instead of a template."""

    arguments: dict[str, str] = Field(default_factory=dict)
    """Values for `{{ arguments.x }}` of the template named by templateRef; may contain `{{ parameters.y }}`, also of the step's inputs."""  # noqa: E501 - one sentence of kubectl explain

    array: Array | None = None
    """Runs the template many times: as Indexed Jobs, one for each batch of tasks."""

    map: Map | None = None
    """Calls a function for each of many items; JobFlow writes the command of the template's main container."""  # noqa: E501 - one sentence of kubectl explain

    inputs: Inputs = Inputs()
    """Values that enter the step."""

    outputs: Outputs = Outputs()
    """Values that leave the step, besides those of the template named by templateRef."""


class StepTemplate(Model):
    """A Job that many steps share, with what they have in common."""

    name: StepName
    """Name, unique among templates: lower-case letters, digits and dashes, at most 63."""

    template: Annotated[Opaque, Field(json_schema_extra=PASS_THROUGH)]
    """A batch/v1 Job, as in a step; `{{ arguments.x }}` stands for an argument of the step."""

    parallelism: Count | None = None
    """Tasks of all steps that use this template that run at once, in this flow. 0: none starts. Absent: no limit."""  # noqa: E501 - one sentence of kubectl explain

    timeout_seconds: Seconds | None = None
    """Default of timeoutSeconds of the steps that use this template."""

    retry_policy: RetryPolicy | None = None
    """Default of retryPolicy of the steps that use this template, field by field."""

    outputs: Outputs = Outputs()
    """Values that leave each step that uses this template; a step may replace them by name."""


class ResourceTemplates(Model):
    """Objects created before the first step and deleted with the flow."""

    volume_claim_templates: Annotated[
        tuple[Annotated[Opaque, Field(json_schema_extra=PASS_THROUGH)], ...],
        Field(max_length=64, json_schema_extra={"x-kubernetes-list-type": "atomic"}),
    ] = ()
    """PersistentVolumeClaims; each is created as `<flow>-<metadata.name>`."""

    config_map_templates: Annotated[
        tuple[Annotated[Opaque, Field(json_schema_extra=PASS_THROUGH)], ...],
        Field(max_length=64, json_schema_extra={"x-kubernetes-list-type": "atomic"}),
    ] = ()
    """ConfigMaps; each is created as `<flow>-<metadata.name>`."""


class Spec(Model):
    """What the flow is asked to do."""

    suspend: Flag = False
    """While true no new step starts; running ones go on."""

    parameters: Annotated[
        tuple[Parameter, ...], Field(max_length=1024, json_schema_extra=BY_NAME)
    ] = ()
    """Values for all steps."""

    execution_policy: ExecutionPolicy = ExecutionPolicy()
    """How the flow as a whole runs, ends and is cleaned up."""

    resource_templates: ResourceTemplates = ResourceTemplates()
    """Objects created before the first step and deleted with the flow."""

    templates: Annotated[
        tuple[StepTemplate, ...], Field(max_length=MAX_TEMPLATES, json_schema_extra=BY_NAME)
    ] = ()
    """Jobs that steps share by templateRef, so that 10,000 steps fit in one object."""

    steps: Annotated[
        tuple[Step, ...],
        Field(
            min_length=1,
            max_length=MAX_STEPS,
            json_schema_extra={"x-kubernetes-list-type": "atomic"},
        ),
    ]
    """The steps, in any order."""

    on_exit: Annotated[
        tuple[Step, ...], Field(max_length=MAX_HANDLERS, json_schema_extra=BY_NAME)
    ] = ()
    """Exit handlers: steps that run when all others are done, however the flow ended, unless it was terminated or deleted. They depend on each other only, and see the outcome as `{{ flow.phase }}`, `{{ flow.reason }}` and `{{ flow.message }}`."""  # noqa: E501 - one sentence of kubectl explain

    @property
    def all_steps(self) -> tuple[Step, ...]:
        """Steps and exit handlers, in this order; they share their names."""
        return (*self.steps, *self.on_exit)
