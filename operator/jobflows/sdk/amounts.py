"""What a task asks for: `compute_resources`, read once and written as Kubernetes has it.

    {"memory": "2Gi", "cores": 2, "runtime": "1h30m", "queue": "science"}

A number for memory is GiB, exact to the mebibyte; one for runtime is seconds. Amounts of memory and
cores may be an `Output` of another task, known only when that one is done.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from jobflows.sdk.errors import DefinitionError
from jobflows.sdk.given import listed, mapping, shown
from jobflows.sdk.tasks import Output

MEMORY, CORES, RUNTIME = "memory", "cores", "runtime"
QUEUE, NODES, TOLERATIONS, PRIORITY = "queue", "node_selector", "tolerations", "priority_class"

KEYS = (MEMORY, CORES, RUNTIME, QUEUE, NODES, TOLERATIONS, PRIORITY)

QUEUE_LABEL = "kueue.x-k8s.io/queue-name"

_CLOCK = re.compile(r"(\d+):([0-5]\d):([0-5]\d)")
_OTHER_RESOURCE = re.compile(r"[a-z0-9.-]+/[A-Za-z0-9._-]+|ephemeral-storage|hugepages-\w+")

MOST = 10**12
"""Above this a number is a mistake, if it is one at all."""

Amounts = Mapping[str, Any]


def read_amounts(owner: str, given: Mapping[str, Any] | None) -> dict[str, Any]:
    """The amounts in one form each; raises `DefinitionError`, which names `owner` and the cure."""
    said = mapping(owner, "compute_resources", given)
    return {key: _read(owner, key, value) for key, value in said.items()}


def _read(owner: str, key: str, value: Any) -> Any:
    match key:
        case "memory":
            return memory(owner, value)
        case "cores":
            return cores(owner, value)
        case "runtime":
            return runtime(owner, value)
        case "queue" | "priority_class":
            if not isinstance(value, str) or not value:
                raise DefinitionError(f"{owner}: {key} must be a name, not {shown(value)}")
            return value
        case "node_selector":
            if not isinstance(value, Mapping):
                raise DefinitionError(
                    f"{owner}: {key} must be a dict of labels, not {shown(value)}"
                )
            return {str(k): str(v) for k, v in value.items()}
        case "tolerations":
            return [
                dict(mapping(owner, "each toleration", each)) for each in listed(owner, key, value)
            ]
    if _OTHER_RESOURCE.fullmatch(key):
        return str(quantity(owner, key, value))
    close = difflib.get_close_matches(key, KEYS, n=1)
    hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(KEYS)}"
    raise DefinitionError(f"{owner}: there is no resource '{key}'; {hint}")


def memory(owner: str, value: Any) -> Any:
    """Memory as a quantity: text such as `500Mi` as it is, a number in GiB as whole Mi."""
    if isinstance(value, Output):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        if not abs(value) < MOST:
            said = f"{owner}: memory {shown(value)} is no amount; write GiB, such as 0.5"
            raise DefinitionError(said)
        mebibytes = math.ceil(Fraction(str(value)) * 1024)
        return _positive(owner, MEMORY, value, f"{mebibytes}Mi", mebibytes)
    return quantity(owner, MEMORY, value)


def cores(owner: str, value: Any) -> Any:
    """Cores as a quantity such as `2` or `500m`."""
    if isinstance(value, Output):
        return value
    return quantity(owner, CORES, value)


def runtime(owner: str, value: Any) -> int:
    """Seconds of an attempt: a number, a duration such as `1h30m`, or `HH:MM:SS`."""
    from jobflows.api.durations import parse_duration  # noqa: PLC0415 - see the package

    seconds: float
    try:
        if isinstance(value, bool):
            raise ValueError
        if isinstance(value, int | float):
            if not abs(value) < MOST:
                raise ValueError
            seconds = value
        elif found := _CLOCK.fullmatch(str(value)):
            hours, minutes, rest = map(int, found.groups())
            seconds = hours * 3600 + minutes * 60 + rest
        else:
            seconds = parse_duration(value)
    except ValueError:
        raise DefinitionError(
            f"{owner}: runtime {shown(value)} is no time; write seconds, 90s, 1h30m or HH:MM:SS"
        ) from None
    return int(_positive(owner, RUNTIME, value, math.ceil(seconds), seconds))


def quantity(owner: str, key: str, value: Any) -> str:
    """Any amount as Kubernetes writes it."""
    from jobflows.api.quantities import QuantityError, parse_quantity  # noqa: PLC0415 - the same

    try:
        number = parse_quantity(value)
    except QuantityError:
        example = "500Mi or 2Gi" if key == MEMORY else "500m or 2"
        raise DefinitionError(
            f"{owner}: {key} {shown(value)} is no quantity; write one such as {example}"
        ) from None
    return str(_positive(owner, key, value, str(value), number))


def _positive(owner: str, key: str, given: Any, read: Any, number: Any) -> Any:
    if not 0 < number < math.inf:
        raise DefinitionError(f"{owner}: {key} must be greater than zero, not {shown(given)}")
    return read


def as_number(key: str, amount: str | int) -> float:
    """An amount as expressions see it: memory in GiB, cores, seconds."""
    from jobflows.api.quantities import parse_quantity  # noqa: PLC0415 - the same

    number = parse_quantity(amount)
    return float(number / 2**30 if key == MEMORY else number)


def pod_parts(amounts: Amounts) -> tuple[dict[str, str], dict[str, Any], dict[str, str]]:
    """Resources of the main container, further fields of the pod, labels of the Job."""
    names = {MEMORY: "memory", CORES: "cpu"}
    resources = {
        names.get(key, key): parameter(key) if isinstance(value, Output) else value
        for key, value in amounts.items()
        if key not in (RUNTIME, QUEUE, NODES, TOLERATIONS, PRIORITY)
    }
    fields = {NODES: "nodeSelector", TOLERATIONS: "tolerations", PRIORITY: "priorityClassName"}
    pod = {fields[key]: amounts[key] for key in fields if amounts.get(key)}
    labels = {QUEUE_LABEL: amounts[QUEUE]} if QUEUE in amounts else {}
    return resources, pod, labels


def parameter(key: str) -> str:
    """Where an amount stands that an earlier task finds out."""
    return f"{{{{ parameters.resource-{key} }}}}"
