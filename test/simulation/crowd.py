"""Many worlds in several processes. A process plays twenty in a row and tells what it found."""

from __future__ import annotations

import gc
import logging
import multiprocessing
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from simulation.invariants import Breach
from simulation.playing import play

AT_ONCE = 20


@dataclass(frozen=True, slots=True)
class Result:
    """What is told of one world."""

    seed: int
    features: frozenset[str]
    breaches: tuple[Breach, ...]
    count: Counter[str]
    seconds: float


@dataclass(slots=True)
class Report:
    """The sum of all."""

    worlds: int = 0
    seconds: float = 0.0
    count: Counter[str] = field(default_factory=Counter)
    features: Counter[str] = field(default_factory=Counter)
    pairs: set[tuple[str, str]] = field(default_factory=set)
    failures: list[Result] = field(default_factory=list)

    def add(self, results: Sequence[Result]) -> None:
        for result in results:
            self.worlds += 1
            self.seconds += result.seconds
            self.count += result.count
            self.features.update(result.features)
            chosen = sorted(result.features)
            self.pairs.update((a, b) for i, a in enumerate(chosen) for b in chosen[i + 1 :])
            if result.breaches:
                self.failures.append(result)


def play_one(seed: int, without: tuple[str, ...] = ()) -> Result:
    """Play a world; what makes the simulation itself fall is a broken rule, too."""
    gc.disable()  # of what a world leaves behind most is in cycles: once, at its end, is enough
    try:
        outcome = play(seed, without)
    except Exception:  # noqa: BLE001 - whatever it is, the seed has to be told
        words = traceback.format_exc()
        return Result(seed, frozenset(), (Breach("no-errors", 0.0, "", words),), Counter(), 0.0)
    finally:
        gc.collect(1)
        gc.enable()
    world = outcome.world
    return Result(seed, world.features, tuple(outcome.breaches), outcome.count, outcome.seconds)


def play_all(
    first: int, seeds: int, jobs: int, without: tuple[str, ...] = ()
) -> Iterator[list[Result]]:
    """Play the worlds of so many seeds, and yield their results as they come."""
    ends = [*range(first, first + seeds, AT_ONCE), first + seeds]
    tasks = [(a, b, without) for a, b in pairwise(ends)]
    if jobs == 1 or len(tasks) == 1:
        quiet()
        yield from map(_some, tasks)
        return
    context = multiprocessing.get_context("spawn")
    with context.Pool(jobs, quiet) as pool:
        yield from pool.imap_unordered(_some, tasks)


def quiet() -> None:
    """A process that plays worlds: warnings are part of them, and nobody reads them."""
    logging.getLogger("jobflows").setLevel(logging.ERROR)
    gc.collect()
    gc.freeze()


def _some(task: tuple[int, int, tuple[str, ...]]) -> list[Result]:
    first, end, without = task
    return [play_one(seed, without) for seed in range(first, end)]
