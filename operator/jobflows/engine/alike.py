"""In the status of a large flow, steps of which the same is to be said are said together.

A finished step takes 230 bytes in the status; 10,000 of them do not fit into one object of etcd.
But most of them say the same: succeeded, at the first attempt. So the first one is written as ever,
and its field `alike` names the others, each with its times as seconds from the flow's start:

    extract-0001@12.5+3.1 ~0002@12.6+4{"rows":"7"} ~0003@12.5

`@` is the start, `+` the time to the completion (from the flow's start, if the step never started),
then come the outputs, and `~` stands for the name before up to its last dash. Steps are known by
name, so this outlives an edit of the spec. Times are kept to a tenth of a second, and the Job is
left out: its name follows from the step's. Steps of which nothing is to be said are left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace
from math import isfinite
from operator import attrgetter

from jobflows.engine.ledger import FRESH, Instant, StepRecord

LARGE = 500
"""Steps of a flow above which its status is written like this."""

MANY = 10
"""Steps of which the same is to be said before it is said together."""

NOTHING: Mapping[str, str] = {}

_OF_ITS_OWN = ("started", "attempt_started", "finished", "job", "outputs")
_said = attrgetter(*(f.name for f in fields(StepRecord) if f.name not in _OF_ITS_OWN))
"""All that is said of a step but its times, its Job and its outputs."""


def gather(
    names: Sequence[str], records: Sequence[StepRecord], began: Instant
) -> Iterator[tuple[str, StepRecord, str]]:
    """Yield what is to be written: a step, its record, and the text for `alike`, in their order.

    `began` is the start of the flow. Of a flow that is not large, each step is yielded as it is.
    """
    if len(names) <= LARGE:
        yield from ((name, record, "") for name, record in zip(names, records, strict=True))
        return
    groups: dict[object, list[int]] = {}
    alone: list[int] = []
    for i, record in enumerate(records):
        if record is FRESH:
            continue
        try:
            groups.setdefault(_said(record), []).append(i)
        except TypeError:  # something that cannot be compared by hash is of its own, too
            alone.append(i)
    for group in groups.values():
        if len(group) < MANY:
            alone.extend(group)
    heads = {group[0]: group for group in groups.values() if len(group) >= MANY}
    for i in sorted((*alone, *heads)):
        record = records[i]
        if record.phase.terminal:
            record = replace(record, job=None)
        rest = heads.get(i, [])[1:]
        yield names[i], record, " ".join(_tokens(names, records, rest, began))


def spread(text: str, record: StepRecord, began: Instant) -> Iterator[tuple[str, StepRecord]]:
    """Yield the steps of an `alike`, each with what it has in common with `record`."""
    common = {f.name: getattr(record, f.name) for f in fields(record)} | {"job": None}
    for name, start, took, outputs in _read(text):
        started = began + _seconds(start) if start else None
        finished = (began if started is None else started) + _seconds(took) if took else None
        own = {"started": started, "finished": finished, "outputs": outputs}
        yield name, StepRecord(**{**common, **own})


def _seconds(text: str) -> float:
    seconds = float(text)
    if not isfinite(seconds):
        raise ValueError(f"'{text}' is no time")
    return seconds


def named(text: str) -> list[str]:
    """The names of the steps of an `alike`."""
    return [name for name, *_ in _read(text)]


def _tokens(
    names: Sequence[str], records: Sequence[StepRecord], steps: Sequence[int], began: Instant
) -> Iterator[str]:
    before = ""
    for i in steps:
        name, record = names[i], records[i]
        stem = name[: name.rfind("-") + 1]
        token = f"~{name[len(stem) :]}" if stem and stem == before else name
        before = stem
        start = 0
        if record.started is not None:
            start = _tenths(record.started - began)
            token += f"@{_short(start)}"
        if record.finished is not None:
            token += f"+{_short(_tenths(record.finished - began) - start)}"
        if record.outputs:
            outputs = json.dumps(dict(record.outputs), separators=(",", ":"))
            token += outputs.replace(" ", "\\u0020")  # a space ends the token
        yield token


def _tenths(seconds: float) -> int:
    return round(seconds * 10)


def _short(tenths: int) -> str:
    whole, rest = divmod(abs(tenths), 10)
    sign = "-" if tenths < 0 else ""
    return f"{sign}{whole}.{rest}" if rest else f"{sign}{whole}"


def _read(text: str) -> Iterator[tuple[str, str, str, Mapping[str, str]]]:
    """Yield name, start, time taken and outputs; all but the name may be empty."""
    stem = ""
    for token in text.split(" ") if text else ():
        name, brace, outputs = token.partition("{")
        name, _, took = name.partition("+")
        name, _, start = name.partition("@")
        if name.startswith("~"):
            name = stem + name[1:]
        stem = name[: name.rfind("-") + 1]
        yield name, start, took, json.loads(brace + outputs) if brace else NOTHING
