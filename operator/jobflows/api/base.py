"""The common ground of all API models: how a YAML mapping becomes a frozen Python value.

Every model refuses unknown fields, because a misspelt `dependecies` that is silently dropped
turns a chain into a race. Fields are camelCase in YAML and snake_case in Python; there is only
one spelling on each side. A field's docstring is its documentation: it becomes the description
in the CRD (`kubectl explain`) and in the reference pages.

Numbers and booleans are strict, as in the API server: `limit: "3"` is an error here because it
would be one there. An explicit `null` means absent, which is also what the API server does with
a field that is not nullable.
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, NamedTuple

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
    model_validator,
)
from pydantic.alias_generators import to_camel

from jobflows.api.durations import PATTERN, format_duration, parse_duration
from jobflows.api.quantities import QuantityError, parse_quantity

INT32_MAX = 2**31 - 1

Count = Annotated[
    int, Field(strict=True, ge=0, le=INT32_MAX, json_schema_extra={"format": "int32"})
]
"""A whole number of at least zero."""

Seconds = Annotated[
    int, Field(strict=True, gt=0, le=INT32_MAX, json_schema_extra={"format": "int32"})
]
"""A whole number of seconds, at least one."""

Positive = Annotated[
    int, Field(strict=True, ge=1, le=INT32_MAX, json_schema_extra={"format": "int32"})
]
"""A whole number of at least one."""

Int32 = Annotated[
    int,
    Field(strict=True, ge=-INT32_MAX - 1, le=INT32_MAX, json_schema_extra={"format": "int32"}),
]
"""Any whole number of 32 bits."""

Flag = Annotated[bool, Field(strict=True)]

Factor = Annotated[float, Field(strict=True)]

Duration = Annotated[
    float,
    BeforeValidator(parse_duration, json_schema_input_type=str),
    PlainSerializer(format_duration, return_type=str),
    Field(json_schema_extra={"type": "string", "pattern": PATTERN, "maxLength": 32}),
]
"""A Go duration such as `1m30s` in YAML, a float of seconds in Python."""


def _quantity(value: object) -> str:
    if isinstance(value, float):  # which the API server has in Job templates, but not here
        raise QuantityError(f"{value} is not a quantity", cure=f'Put it in quotes: "{value}"')
    parse_quantity(value)
    return str(value)


Quantity = Annotated[
    str, BeforeValidator(_quantity), WithJsonSchema({"x-kubernetes-int-or-string": True})
]
"""A Kubernetes quantity such as `500m`, `2` or `1Gi`, kept as it was written."""

Opaque = dict[str, Any]
"""A Kubernetes object that passes through; `jobflows.api.validation` looks inside."""


class Rule(NamedTuple):
    """A CEL expression over `self` for `x-kubernetes-validations`, and what it says when false."""

    rule: str
    message: str


class Model(BaseModel):
    """A frozen API object that refuses fields it does not know."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
    )

    refused: ClassVar[Mapping[str, str]] = {}
    """Fields of zen-flow that are refused on purpose, each with what to do instead."""

    cel: ClassVar[tuple[Rule, ...]] = ()
    """Checks that the API server itself can afford to make, for the CRD."""

    @model_validator(mode="before")
    @classmethod
    def _null_means_absent(cls, value: object) -> object:
        if isinstance(value, Mapping) and any(item is None for item in value.values()):
            return {key: item for key, item in value.items() if item is not None}
        return value

    def document(self) -> dict[str, Any]:
        """Return the YAML form: camelCase, without what was not set."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)
