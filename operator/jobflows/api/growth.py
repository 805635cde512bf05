"""Resources that grow with each attempt that had too little, and where the step goes with them."""

from typing import Annotated

from pydantic import Field

from jobflows.api.base import Factor, Model, Opaque, Quantity, Seconds

GrowthFactor = Annotated[Factor, Field(ge=1, le=1000)]

_VALUES = Field(max_length=20, json_schema_extra={"x-kubernetes-list-type": "atomic"})


class Growth(Model):
    """How an amount grows: by a factor, or from value to value."""

    factor: GrowthFactor | None = None
    """The next amount is so many times the one before; greater than 1."""

    values: Annotated[tuple[Quantity, ...], _VALUES] = ()
    """Amounts after the first failure, the second and so on; the last one stays."""

    max: Quantity | None = None
    """Largest amount; what would be more goes to the first fallback that has room for it."""


class TimeoutGrowth(Model):
    """How a timeout grows: by a factor, or from value to value."""

    factor: GrowthFactor | None = None
    """The next timeout is so many times the one before; greater than 1."""

    values: Annotated[tuple[Seconds, ...], _VALUES] = ()
    """Seconds after the first timeout, the second and so on; the last one stays."""

    max: Seconds | None = None
    """Longest timeout in seconds."""


class ResourceGrowth(Model):
    """What grows. The start is what the main container asks for: `main`, or else the first."""

    memory: Growth | None = None
    """Grows after an attempt ran out of memory. Request and limit keep their ratio; the limit is what counts, or the request where there is none. A factor rounds up to whole Mi."""  # noqa: E501 - one sentence of kubectl explain

    cpu: Growth | None = None
    """Grows after a timeout; request and limit as for memory."""

    timeout: TimeoutGrowth | None = None
    """The step's timeoutSeconds, which grows after a timeout."""


class FallbackMax(Model):
    """How much there is of what may grow. Absent: any amount."""

    memory: Quantity | None = None
    """Largest memory of the main container."""

    cpu: Quantity | None = None
    """Largest CPU of the main container."""


class Fallback(Model):
    """Where an attempt goes that has outgrown what came before."""

    node_selector: dict[str, str] = Field(default_factory=dict)
    """Added to the nodeSelector of the pod."""

    tolerations: Annotated[
        tuple[
            Annotated[
                Opaque, Field(json_schema_extra={"x-kubernetes-preserve-unknown-fields": True})
            ],
            ...,
        ],
        Field(max_length=32, json_schema_extra={"x-kubernetes-list-type": "atomic"}),
    ] = ()
    """Added to the tolerations of the pod."""

    priority_class_name: Annotated[str, Field(min_length=1, max_length=253)] | None = None
    """Replaces the priorityClassName of the pod."""

    max: FallbackMax = FallbackMax()
    """How much there is here; what would be more goes to the next fallback."""
