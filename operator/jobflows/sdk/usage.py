"""What tasks of a template have used, from the runs that this machine has stored.

`jobflows.usage` counts, as it does for `jobflow usage`, `jobflow recommend` and the pages: by task,
of which the attempt counts that succeeded. What was not measured is unknown and left out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jobflows.sdk.same import told

if TYPE_CHECKING:
    from jobflows.local import AttemptInfo, StoredRun
    from jobflows.sdk.template import TaskTemplate
    from jobflows.usage import Advice, Samples, Usage

MEBIBYTE = 2**20


@dataclass(frozen=True, slots=True)
class Spread:
    """Measured values, and how they are spread.

    A task that only ever ran out of memory, or of time, needed more than it had, nobody knows how
    much. Percentiles count it so; one that is beyond all that was measured is None.
    """

    samples: Samples

    @property
    def values(self) -> tuple[float, ...]:
        """What was measured, in ascending order."""
        return tuple(sorted(self.samples.seen))

    @property
    def count(self) -> int:
        """How many were measured."""
        return len(self.samples.seen)

    @property
    def beyond(self) -> int:
        """Of how many it is only known that they needed more than they had."""
        return len(self.samples.cut)

    @property
    def min(self) -> float:
        """The smallest."""
        return min(self.samples.seen)

    @property
    def max(self) -> float:
        """The largest."""
        return max(self.samples.seen)

    @property
    def mean(self) -> float:
        """The average."""
        return math.fsum(self.samples.seen) / self.count

    @property
    def median(self) -> float | None:
        """What half of them are at most."""
        return self.percentile(50)

    def percentile(self, percent: float) -> float | None:
        """The smallest measured value that so many percent do not exceed.

        Raises `ValueError` for what is not from 0 to 100.
        """
        return self.samples.percentile(_percent(percent))

    def interval(
        self, percent: float, confidence: float = 0.95
    ) -> tuple[float | None, float | None]:
        """Where the percentile of all such tasks is, whatever they are distributed like.

        An end is None when it lies beyond what was measured: few values say little.
        Raises `ValueError` for a percentile that is not from 0 to 100.
        """
        return self.samples.interval(_percent(percent), confidence)

    def __str__(self) -> str:
        return self.shown(1.0)

    def shown(self, unit: float) -> str:
        """In words, in a unit."""
        p50, p95 = (_words(self.percentile(point), unit) for point in (50, 95))
        return f"median {p50}, p95 {p95}, most {_words(self.max, unit)} of {self.count}"


def _percent(percent: float) -> float:
    if not 0 <= percent <= 100:
        raise ValueError(f"a percentile is from 0 to 100, not {percent}")
    return percent


def _words(value: float | None, unit: float) -> str:
    return "beyond that" if value is None else f"{value / unit:.4g}"


@dataclass(frozen=True, slots=True)
class ResourceUsage:
    """What tasks have used. A `Spread` is None when nothing was measured."""

    usage: Usage

    @property
    def tasks(self) -> int:
        """Tasks of which an attempt has ended, measured or not."""
        return self.usage.tasks

    @property
    def attempts(self) -> int:
        """Their attempts."""
        return self.usage.attempts

    @property
    def failed(self) -> int:
        """Those that failed."""
        return self.usage.failed

    @property
    def out_of_memory(self) -> int:
        """Those that ran out of memory."""
        return self.usage.out_of_memory

    @property
    def memory(self) -> Spread | None:
        """The most memory that a task had at once, in bytes."""
        return _spread(self.usage.memory)

    @property
    def runtime(self) -> Spread | None:
        """Seconds from start to end."""
        return _spread(self.usage.wall)

    @property
    def cores(self) -> Spread | None:
        """Cores that were busy on average: CPU seconds by seconds."""
        return _spread(self.usage.cores)

    def recommended(self, percentile: float = 95, margin: float = 0.1) -> Advice:
        """What the next tasks should ask for, as `jobflow recommend` says it.

        It has `memory` in Mi, `cpu` in thousandths of a core, `timeout` in seconds, `retries`, the
        part of tasks that will run out of memory once and be run twice, and `saved`, the part of
        memory by time that this is worth. What is None is not known. `margin` is a part.
        """
        from jobflows.usage import advise  # noqa: PLC0415 - the package is imported without it

        return advise(self.usage, percentile=_percent(percentile), margin=margin)

    def __str__(self) -> str:
        parts = [
            f"{name} {'unknown' if spread is None else spread.shown(unit)}"
            for name, spread, unit in (
                ("memory in MiB:", self.memory, MEBIBYTE),
                ("runtime in s:", self.runtime, 1),
                ("cores:", self.cores, 1),
            )
        ]
        return f"{self.tasks} tasks; " + "; ".join(parts)


def _spread(samples: Samples) -> Spread | None:
    return Spread(samples) if samples.seen else None


def resource_usage(
    template: TaskTemplate, workflow_args: str | None, home: Path | None
) -> ResourceUsage:
    """Look through all runs of the template's tool."""
    from jobflows.local import Store  # noqa: PLC0415 - the package is imported without it
    from jobflows.usage import of_kind  # noqa: PLC0415 - the same

    with Store.open(home) as store:
        found = [
            (run.info.id, each)
            for run in store.runs()
            for each in _of_run(run, template, workflow_args)
        ]
    return ResourceUsage(of_kind(template.name, found))


def _of_run(
    run: StoredRun, template: TaskTemplate, workflow_args: str | None
) -> Iterator[AttemptInfo]:
    document = run.document()
    found = told(document)
    if found.get("tool") != template.tool.name:
        return
    if workflow_args is not None and found.get("args") != workflow_args:
        return
    names = ((found.get("templates") or {}).get(template.name) or {}).get("as") or ()
    for step in document["spec"]["steps"]:
        if step.get("templateRef") in names:
            yield from run.attempts(step["name"])
