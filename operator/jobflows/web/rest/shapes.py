"""What the API answers, beside the archive's own rows."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from pydantic import BaseModel

from jobflows.usage import Advice, Samples, Usage

T = TypeVar("T")

Interval = list[float | None]
"""From, to."""


class Page(BaseModel, Generic[T]):
    """A part of a list."""

    items: list[T]
    """Rows."""
    next: str | None
    """Give it as `after` for the rows that follow; null: there are none."""


class Problem(BaseModel):
    """Why there is no answer."""

    detail: str
    """One sentence."""


class Intervals(BaseModel):
    """Where each percentile is with 95 % confidence; null: beyond what was measured."""

    p50: Interval
    p90: Interval
    p95: Interval
    p99: Interval


class Percentiles(BaseModel):
    """Of what was measured; null where it lies beyond that."""

    count: int
    """Samples."""
    beyond: int
    """Those among them that needed more than they had, nobody knows how much."""
    p50: float | None
    p90: float | None
    p95: float | None
    p99: float | None
    largest: float | None
    """The largest measured."""
    intervals: Intervals

    @classmethod
    def of(cls, samples: Samples) -> Percentiles:
        values: dict[str, Any] = dict(samples.percentiles)
        return cls(
            count=len(samples),
            beyond=len(samples.cut),
            largest=samples.largest,
            intervals=Intervals(**{name: [*ends] for name, ends in samples.intervals.items()}),
            **values,
        )


class Request(BaseModel):
    """What to ask for."""

    memory: int | None
    """Mi."""
    cpu: int | None
    """Thousandths of a core."""
    timeout: int | None
    """Seconds."""
    retries: float | None
    """Part of the tasks that will run out of memory once."""
    saved: float | None
    """Part of memory by time that this is worth, against asking for the largest at once."""


class UsageOf(BaseModel):
    """What steps that are alike have used, and what they should ask for."""

    name: str
    tasks: int
    attempts: int
    failed: int
    out_of_memory: int
    timeouts: int
    sampled: int
    """Tasks whose memory and CPU the metrics API was asked for: short peaks are missing."""
    memory: Percentiles
    """Bytes."""
    seconds: Percentiles
    """How long they ran."""
    cores: Percentiles
    """CPU seconds by seconds."""
    request: Request

    @classmethod
    def of(cls, usage: Usage, advice: Advice) -> UsageOf:
        return cls(
            name=usage.name,
            tasks=usage.tasks,
            attempts=usage.attempts,
            failed=usage.failed,
            out_of_memory=usage.out_of_memory,
            timeouts=usage.timeouts,
            sampled=usage.sampled,
            memory=Percentiles.of(usage.memory),
            seconds=Percentiles.of(usage.wall),
            cores=Percentiles.of(usage.cores),
            request=Request(
                memory=advice.memory,
                cpu=advice.cpu,
                timeout=advice.timeout,
                retries=advice.retries,
                saved=advice.saved,
            ),
        )


class Log(BaseModel):
    """The end of a log."""

    tail: str
    """Text; what is no UTF-8 is replaced."""
