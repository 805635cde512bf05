"""Parameters: values that enter a flow or a step, and values that leave a step.

There is one name space inside a step: its own `inputs.parameters` over the flow's `parameters`.
All values are strings.
"""

from typing import Annotated

from pydantic import Field

from jobflows.api.base import Model, Rule

NAME_PATTERN = r"^[A-Za-z0-9]([-_A-Za-z0-9]*[A-Za-z0-9])?$"
"""Names of parameters: what can stand in `{{ parameters.NAME }}` without quotes."""

NAME_LENGTH = 63

MAX_PER_STEP = 64
"""Inputs and outputs of one step. The API server multiplies this by the number of steps to estimate
what its checks may cost, and refuses the CRD if that is too much."""

ParameterName = Annotated[
    str, Field(json_schema_extra={"pattern": NAME_PATTERN, "maxLength": NAME_LENGTH})
]
JSONPathText = Annotated[str, Field(min_length=1, max_length=1024)]

BY_NAME = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}


class Parameter(Model):
    """A named value that every step of the flow can use as `{{ parameters.name }}`."""

    name: ParameterName
    """Name, unique in the flow."""

    value: str
    """Value; quote numbers and booleans, a value is always a string."""


class KeyRef(Model):
    """One key of a ConfigMap or Secret in the flow's namespace."""

    name: Annotated[str, Field(min_length=1, max_length=253)]
    """Name of the ConfigMap or Secret."""

    key: Annotated[str, Field(min_length=1, max_length=253)] = "value"
    """Key in it."""


class InputSource(Model):
    """Where an input's value comes from; exactly one."""

    cel = (
        Rule(
            "(has(self.configMapKeyRef) ? 1 : 0) + (has(self.secretKeyRef) ? 1 : 0)"
            " + (has(self.jsonPath) ? 1 : 0) == 1",
            "give exactly one of configMapKeyRef, secretKeyRef and jsonPath",
        ),
    )

    config_map_key_ref: KeyRef | None = None
    """A key of a ConfigMap, read by the kubelet: usable in command, args and env only."""

    secret_key_ref: KeyRef | None = None
    """A key of a Secret, read by the kubelet and never by the operator: usable in command, args and env only."""  # noqa: E501 - one sentence of kubectl explain

    json_path: JSONPathText | None = None
    """`step:$.path` into the status of a step that this one depends on, such as `extract:$.outputs.rows`."""  # noqa: E501 - one sentence of kubectl explain


class InputParameter(Model):
    """A value that enters a step."""

    cel = (
        Rule(
            "has(self.value) != has(self.valueFrom)",
            "give exactly one of value and valueFrom",
        ),
    )

    name: ParameterName
    """Name, unique in the step; hides a flow parameter of the same name."""

    value: str | None = None
    """The value itself; may contain `{{ parameters.x }}` of the flow."""

    value_from: InputSource | None = None
    """Where the value comes from."""


class OutputSource(Model):
    """Where an output's value is found."""

    json_path: JSONPathText
    """Path such as `$.rows` into the JSON that the step's main container wrote as its termination message."""  # noqa: E501 - one sentence of kubectl explain


class OutputParameter(Model):
    """A value that leaves a step and can be used as `steps.<step>.outputs.<name>`."""

    name: ParameterName
    """Name, unique in the step."""

    value_from: OutputSource
    """Where the value is found."""


# zen-flow copied artifacts into its own controller's file system, where no step could see them.
_NO_ARTIFACTS = {
    "artifacts": "Mount one volume from spec.resourceTemplates in both steps, or pass small values "
    "with outputs.parameters and inputs.parameters"
}


class Inputs(Model):
    """What enters a step."""

    refused = _NO_ARTIFACTS

    parameters: Annotated[
        tuple[InputParameter, ...], Field(max_length=MAX_PER_STEP, json_schema_extra=BY_NAME)
    ] = ()
    """Values that enter the step."""


class Outputs(Model):
    """What leaves a step."""

    refused = _NO_ARTIFACTS

    parameters: Annotated[
        tuple[OutputParameter, ...], Field(max_length=MAX_PER_STEP, json_schema_extra=BY_NAME)
    ] = ()
    """Values that leave the step."""
