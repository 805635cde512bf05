"""How resources grow when an attempt had too little: `resource_scales`, written as the API has it.

| form | the next amount |
|---|---|
| a number, `0.5` | so much more of the one before: 8, 12, 18 |
| a list, `["12Gi", "18Gi"]` | the items in turn; the last one stays |
| CEL over `value`, `"value * 2.0 + 1.0"` | what it gives, of GiB, cores or seconds |
| a function of one number | the same, called when the workflow is defined |
| `{"scale": …, "max": "64Gi"}` | any of these, with a largest amount |

What a function or an expression gives is computed when the flow is built, once for each retry, so
that a flow holds amounts and no code.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Any, TypeAlias

from jobflows.sdk.amounts import CORES, MEMORY, RUNTIME, as_number, cores, memory, runtime
from jobflows.sdk.errors import DefinitionError
from jobflows.sdk.given import mapping, shown

Scale: TypeAlias = (
    "float | str | Sequence[float | str] | Callable[[float], float] | Mapping[str, Any]"
)

DEFAULT_SCALES: Mapping[str, Scale] = {MEMORY: 0.5, RUNTIME: 0.5}

MOST_VALUES = 20
"""Amounts that the API takes."""

_READ: Mapping[str, Callable[[str, Any], Any]] = {MEMORY: memory, CORES: cores, RUNTIME: runtime}
_FIELD = {MEMORY: "memory", CORES: "cpu", RUNTIME: "timeout"}
_CURE = "write a number such as 0.5, a list of amounts, CEL over value, or a function"


def read_scales(owner: str, given: Mapping[str, Scale] | None) -> dict[str, Scale]:
    """The scales, checked as far as that goes without a start; raises `DefinitionError`."""
    said = mapping(owner, "resource_scales", given)
    for key, scale in said.items():
        if key not in _READ:
            raise DefinitionError(
                f"{owner}: there is no scale of '{key}'; there are {', '.join(_READ)}"
            )
        _check(owner, key, scale)
    return dict(said)


def growth(
    owner: str, amounts: Mapping[str, Any], scales: Mapping[str, Scale], retries: int
) -> dict[str, Any]:
    """`retryPolicy.resources` for what starts from `amounts` and is tried again `retries` times."""
    found: dict[str, Any] = {}
    for key, scale in scales.items():
        if key in amounts and retries:
            grown = _growth(f"{owner}: scale of {key}", key, scale, amounts[key], retries)
            if grown is not None:
                found[_FIELD[key]] = grown
    return found


def _check(owner: str, key: str, scale: Scale) -> None:
    where = f"{owner}: scale of {key}"
    if isinstance(scale, Mapping):
        if not {"scale"} <= scale.keys() <= {"scale", "max"}:
            raise DefinitionError(f'{where}: write {{"scale": 0.5, "max": …}}, not {shown(scale)}')
        _check(owner, key, scale["scale"])
        if "max" in scale:
            _READ[key](where, scale["max"])
    elif isinstance(scale, bool) or scale is None:
        raise DefinitionError(f"{where}: {shown(scale)} is no scale; {_CURE}")
    elif isinstance(scale, int | float):
        if not 0 <= scale < 1000:
            raise DefinitionError(f"{where}: must be at least 0, not {shown(scale)}")
    elif isinstance(scale, str):
        _program(where, scale)
    elif isinstance(scale, Sequence):
        if not 0 < len(scale) <= MOST_VALUES:
            raise DefinitionError(f"{where}: list 1 to {MOST_VALUES} amounts")
        for value in scale:
            _READ[key](where, value)
    elif not callable(scale):
        raise DefinitionError(f"{where}: {shown(scale)} is no scale; {_CURE}")


def _growth(where: str, key: str, scale: Scale, start: Any, retries: int) -> dict[str, Any] | None:
    if isinstance(scale, Mapping):
        grown = _growth(where, key, scale["scale"], start, retries)
        return grown and {**grown, **_most(where, key, scale)}
    if isinstance(scale, int | float):
        return {"factor": float(1 + Decimal(str(scale)))} if scale else None
    if isinstance(scale, str):
        values = _computed(where, key, _program(where, scale), start, retries)
    elif callable(scale):
        values = _computed(where, key, scale, start, retries)
    else:
        values = _listed(where, key, scale, start)
    return {"values": values} if values else None


def _listed(where: str, key: str, scale: Sequence[float | str], start: Any) -> list[Any]:
    values = [_READ[key](where, value) for value in scale]
    known = [] if not isinstance(start, str | int) else [start]
    for before, after in pairwise([*known, *values]):
        if as_number(key, after) <= as_number(key, before):
            raise DefinitionError(f"{where}: {after} is not more than {before}; list it upwards")
    return values


def _most(where: str, key: str, scale: Mapping[str, Any]) -> dict[str, Any]:
    return {"max": _READ[key](where, scale["max"])} if "max" in scale else {}


def _computed(
    where: str, key: str, scale: Callable[[float], float], start: Any, retries: int
) -> list[Any]:
    """The amounts that `scale` gives from `start` on, up to the first that is not more."""
    if not isinstance(start, str | int):
        raise DefinitionError(
            f"{where}: starts from what another task finds out, so it cannot be computed now; "
            "write a number such as 0.5"
        )
    value, found = as_number(key, start), list[Any]()
    for _ in range(min(retries, MOST_VALUES)):
        after = scale(value)
        if isinstance(after, bool) or not isinstance(after, int | float) or not after >= value:
            raise DefinitionError(
                f"{where}: gives {shown(after)} after {value:g}; it has to give a number that is no"
                " less"
            )
        if after == value or math.isinf(after):
            break
        value, amount = after, _amount(where, key, after)
        if as_number(key, amount) > as_number(key, found[-1] if found else start):
            found.append(amount)  # else it is the same, in whole Mi and seconds
    return found


def _amount(where: str, key: str, number: float) -> Any:
    if key == CORES:
        return f"{math.ceil(number * 1000)}m"
    return _READ[key](where, number)


def _program(where: str, text: str) -> Callable[[float], float]:
    """The expression as a function of `value`."""
    import cel  # noqa: PLC0415 - 140 ms that only workflows with expressions pay

    try:
        program = cel.compile(text)
    except ValueError as error:
        raise DefinitionError(
            f"{where}: {shown(text)} is not CEL: {_first_line(error)[:200]}"
        ) from None
    unknown = set(program.references()["variables"]) - {"value", "double", "int"}
    if unknown:
        raise DefinitionError(
            f"{where}: {shown(text)} names {', '.join(sorted(unknown)):.200}; it sees only value"
        )

    def scale(value: float) -> float:
        try:
            result: float = program.execute({"value": value})
        except (RuntimeError, TypeError, ValueError, ArithmeticError) as error:
            raise DefinitionError(
                f"{where}: '{text}' has no result: {_first_line(error)}; value is a double: "
                "write 2.0, not 2"
            ) from None
        return result

    return scale


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0].rstrip(".")
