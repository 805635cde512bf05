"""Runs a few items in the calling process to see what the others will be like.

Their results are kept and they are not run again. Items of a sequence are taken from all of it,
since the first ones are often not like the rest. Nothing that slows the function down is switched
on while it is timed, and waiting is told by the scheduler, so that a busy machine is not mistaken
for a function that waits.
"""

from __future__ import annotations

import itertools
import math
import pickle
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from jobflows.chunking.asked import Asked
from jobflows.chunking.choice import LONG_ENOUGH
from jobflows.chunking.errors import ItemError, failure_of
from jobflows.chunking.first import transport_seconds
from jobflows.chunking.memory import resident_memory
from jobflows.chunking.schedstat import Schedule, waiting_share
from jobflows.chunking.source import Source

if TYPE_CHECKING:
    import cProfile

ENOUGH_SECONDS = 0.002
"""Tiny items are measured in blocks until they have taken this together."""
MOST = 1000
"""Items that are measured at the most because they are tiny."""
CLOSE = 0.1
"""To which part of itself the mean is to be known, where a confidence is asked for."""
GOLDEN = 0.6180339887498949
WARM_UP = 10
"""A first item that takes so many times longer than any other was busy with something else."""
PICKLED_SECONDS = 0.002
"""Inputs are pickled, to be measured, for so long."""


@dataclass(slots=True)
class Sample:
    """What was measured. Times are in seconds an item, sizes are in bytes; None is not known."""

    kept: dict[int, Any] = field(default_factory=dict)
    """Results, or `ItemError`s, by the index of the item."""
    count: int = 0
    """Items that were timed."""
    mean: float | None = None
    deviation: float | None = None
    longest: float | None = None
    waiting_share: float | None = None
    on_core: float | None = None
    """Seconds an item has a core."""
    seconds: float = 0.0
    """Of the whole sample."""
    warm_up: float | None = None
    """Seconds of a first item that was not like the others, and is not counted."""
    failed: ItemError | None = None
    send: float | None = None
    """Seconds to pickle a result."""
    receive: float | None = None
    """Seconds to read it again."""
    not_sendable: str = ""
    """Why results cannot be sent between processes."""
    input_seconds: float | None = None
    input_bytes: int | None = None
    return_bytes: int | None = None
    grown: int | None = None
    """Bytes by which memory rose while items ran, at its highest."""
    profiler: cProfile.Profile | None = None

    @property
    def variation(self) -> float | None:
        """Standard deviation over mean."""
        return self.deviation / self.mean if self.mean and self.deviation is not None else None


class Input:
    """Items as they were given; those of an iterator that were read for the sample are kept."""

    def __init__(self, data: Iterable[Any], *, in_order: bool = False) -> None:
        self._in_order = in_order
        self.sequence: Sequence[Any] | None = Source(data, (), None, in_order=True).sequence
        self._read: list[Any] = []
        self._is_read = False
        self._iterator = iter(()) if self.sequence is not None else iter(data)
        self.data: Any = data if self.sequence is not None else self._all()

    def length(self) -> int | None:
        """Items in all; None if that is not known."""
        if self.sequence is not None:
            return len(self.sequence)
        return len(self._read) if self._is_read else None

    def spread(self) -> Iterator[tuple[int, Any]]:
        """Indices and items, evenly spread at any time, or in order; of an iterator always so."""
        if self.sequence is not None:
            count = len(self.sequence)
            for index in range(count) if self._in_order else evenly_spread(count):
                yield index, self.sequence[index]
            return
        yield from enumerate(list(self._read))
        for item in self._iterator:
            self._read.append(item)
            yield len(self._read) - 1, item
        self._is_read = True

    def _all(self) -> Iterator[Any]:
        yield from self._read
        yield from self._iterator


def evenly_spread(count: int) -> Iterator[int]:
    """All indices below `count`, each about as far as possible from those before it."""
    taken = set[int]()
    for step in itertools.count():
        index = int(count * ((step * GOLDEN + 0.5) % 1))
        if len(taken) == count or step > 2 * count:
            break
        if index not in taken:
            taken.add(index)
            yield index
    yield from (index for index in range(count) if index not in taken)


def take(function: Callable[[Any], Any], given: Input, asked: Asked) -> Sample:
    """Run the sample."""
    return _Taking(function, given, asked).take()


def quantile(confidence: float) -> float:
    """Standard deviations on both sides of the mean that hold so much of a normal distribution."""
    low, high = 0.0, 10.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (
            (middle, high) if math.erf(middle / math.sqrt(2)) < confidence else (low, middle)
        )
    return low


class _Taking:
    def __init__(self, function: Callable[[Any], Any], given: Input, asked: Asked) -> None:
        self._function = function
        self._items = given.spread()
        self._asked = asked
        self._times: list[float] = []
        self._seen: list[Any] = []
        self._sample = Sample()
        self._began = time.perf_counter()

    def take(self) -> Sample:
        sample, asked = self._sample, self._asked
        resident, peak = resident_memory(), _peak_memory()
        wanted = asked.sample_size
        if asked.enable_function_profiling:
            self._under_profiler((wanted + 1) // 2)
            wanted -= wanted // 2
        schedule = Schedule()
        try:
            began = time.perf_counter_ns()
            self._one_by_one(wanted)
            self._settle()
            self._in_blocks()
            cpu, delay = schedule.read()
            wall = time.perf_counter_ns() - began
        finally:
            schedule.close()
        busy = sum(self._times) * 1e9
        if busy >= LONG_ENOUGH and wall:
            sample.waiting_share = waiting_share(wall, cpu, delay)
            sample.on_core = min(1.0, cpu / wall) * (sample.mean or 0.0)
        if resident:
            risen = _peak_memory()
            at_most = risen if risen > peak else resident_memory()
            sample.grown = max(0, at_most - resident)
        self._look_at_results()
        self._look_at_inputs()
        sample.seconds = time.perf_counter() - self._began
        return sample

    def _is_late(self) -> bool:
        return bool(self._sample.kept) and (
            time.perf_counter() - self._began >= self._asked.max_sample_time
        )

    def _under_profiler(self, wanted: int) -> None:
        import cProfile  # noqa: PLC0415 - only if asked for

        self._sample.profiler = profiler = cProfile.Profile()
        function = self._function
        self._function = lambda item: profiler.runcall(function, item)
        try:
            for index, item in itertools.islice(self._items, wanted):
                self._run(index, item)
                if self._is_late():
                    break
        finally:
            self._function = function

    def _one_by_one(self, wanted: int) -> None:
        while not (self._is_late() and self._times):
            if len(self._times) >= wanted and not self._is_vague():
                return
            known = next(self._items, None)
            if known is None:
                return
            before = time.perf_counter_ns()
            self._run(*known)
            self._times.append((time.perf_counter_ns() - before) / 1e9)
            self._seen.append(known[1])

    def _is_vague(self) -> bool:
        confidence = self._asked.confidence_level
        if confidence is None or len(self._times) < 2:
            return confidence is not None
        mean, deviation = _moments(self._times)
        return quantile(confidence) * deviation / math.sqrt(len(self._times)) > CLOSE * mean

    def _settle(self) -> None:
        sample, times = self._sample, self._times
        if not times:
            return
        if len(times) > 2 and times[0] > WARM_UP * max(times[1:]) and times[0] > ENOUGH_SECONDS:
            sample.warm_up = times.pop(0)
        sample.count = len(times)
        sample.mean, sample.deviation = _moments(times)
        sample.longest = max(times)
        if len(times) < 2:
            sample.deviation = None

    def _in_blocks(self) -> None:
        """Measure more of what is too short for a clock."""
        sample, size = self._sample, 8
        while sample.mean and sum(self._times) < ENOUGH_SECONDS and not self._is_late():
            if sample.count + size > MOST:
                return
            block = list(itertools.islice(self._items, size))
            if not block:
                return
            before = time.perf_counter_ns()
            for index, item in block:
                self._run(index, item)
            took = (time.perf_counter_ns() - before) / 1e9
            self._times.append(took)
            sample.mean = took / len(block)
            sample.count += len(block)
            size *= 2

    def _run(self, index: int, item: Any) -> None:
        try:
            self._sample.kept[index] = self._function(item)
        except Exception as error:  # noqa: BLE001 - becomes a value, or is raised by the run
            failure = failure_of(index, item, error)
            self._sample.kept[index] = failure
            self._sample.failed = self._sample.failed or failure

    def _look_at_results(self) -> None:
        sample = self._sample
        values = [value for value in sample.kept.values() if type(value) is not ItemError]
        if not values:
            return
        try:
            sample.send, sample.receive = transport_seconds(values[-1])
            if self._asked.profile or self._asked.cache is not None:
                sample.return_bytes = len(pickle.dumps(values[-1], 5))
        except Exception as error:  # noqa: BLE001 - whatever a result's own pickling raises
            sample.not_sendable = str(error)

    def _look_at_inputs(self) -> None:
        """What an input would cost to send. It is sent only if workers cannot inherit it."""
        if not self._asked.profile and not self._asked.verbose:
            return
        sizes: list[int] = []
        began = time.perf_counter()
        try:
            for item in self._seen:
                sizes.append(len(pickle.dumps(item, 5)))
                if time.perf_counter() - began > PICKLED_SECONDS:
                    break
        except Exception:  # noqa: BLE001 - an input that cannot be pickled has no size
            return
        if sizes:
            self._sample.input_seconds = (time.perf_counter() - began) / len(sizes)
            self._sample.input_bytes = sum(sizes) // len(sizes)


def _moments(times: Sequence[float]) -> tuple[float, float]:
    mean = sum(times) / len(times)
    spread = sum((one - mean) ** 2 for one in times) / max(1, len(times) - 1)
    return mean, math.sqrt(spread)


def _peak_memory() -> int:
    """The most that this process has ever held, in bytes; 0 if the kernel does not tell."""
    try:
        import resource  # noqa: PLC0415 - not on Windows

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    except ImportError:  # pragma: no cover
        return 0
