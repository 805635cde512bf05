"""What the methods are measured on: the eight workloads of the budgets, and the smallest ones.

Working items are counts of rounds of a hash, calibrated once a run: two workers that take each
other's cache or clock pay for it in seconds, which a loop that watches the clock would hide. A loop
of Python's own would measure where its objects happen to lie: one that makes objects is up to half
as fast again in one process as in the next, and one that makes none still by a tenth, since each
process has its stack elsewhere. What a function returns names its item, so each cell checks that
all results came, and in order.
"""

from __future__ import annotations

import importlib
import importlib.util
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import pbkdf2_hmac
from typing import Any

MEGABYTE = 1_000_000
BLOCK = random.Random(1).randbytes(MEGABYTE)

Kind = str
"""work: held against the bound. wait: against 64 threads. small: against the plain loop only."""


def iterate(count: int) -> int:
    """Work for `count` rounds of a hash; 0.3 µs each, more or less, and 3 µs in any case."""
    pbkdf2_hmac("sha256", b"jobflow", b"salt", count)
    return count


def read_block(item: tuple[int, bytes]) -> int:
    """Work beside a megabyte of input."""
    count, block = item
    iterate(count)
    return int.from_bytes(block[:8], "big")


def write_block(item: tuple[int, int]) -> bytes:
    """Work, then a megabyte of result."""
    count, index = item
    iterate(count)
    return index.to_bytes(8, "big") + BLOCK[8:]


def write_array(item: tuple[int, int]) -> Any:
    """The same as a numpy array."""
    count, index = item
    iterate(count)
    return importlib.import_module("numpy").full(MEGABYTE // 8, float(index))


def wait(index: int) -> int:
    """Wait for something else, as for a disk or a server."""
    time.sleep(0.005)
    return index


@dataclass(frozen=True, slots=True)
class Workload:
    """Items and a function. `build(rate, count)` makes the items from iterations a second."""

    name: str
    title: str
    function: Callable[[Any], Any]
    count: int
    build: Callable[[float, int], list[Any]]
    index_of: Callable[[Any], int] | None = None
    """The index that a result names; None: results are the items themselves."""
    weight: Callable[[Any], float] = lambda item: 1.0
    """How long an item takes, in any unit."""
    kind: Kind = "work"
    needs: str = ""
    """A module without which it is skipped."""

    def items(self, rate: float, scale: float = 1.0) -> list[Any]:
        """The items of a run, the same in each; `scale` makes fewer of them, but one stays one."""
        return self.build(rate, max(min(self.count, 1), round(self.count * scale)))

    def longest_share(self, items: Sequence[Any]) -> float:
        """The longest item's share of all work."""
        weights = [self.weight(item) for item in items]
        return max(weights) / sum(weights) if weights else 0.0

    def check(self, items: Sequence[Any], results: Sequence[Any]) -> str:
        """What is wrong with the results; empty: nothing."""
        if len(results) != len(items):
            return f"{len(results)} results of {len(items)} items"
        named = list(results) if self.index_of is None else [self.index_of(r) for r in results]
        wanted = list(items) if self.index_of is None else list(range(len(items)))
        if named != wanted:
            wrong = next(i for i, (a, b) in enumerate(zip(named, wanted, strict=True)) if a != b)
            return f"result {wrong} belongs to another item"
        return ""

    @property
    def missing(self) -> bool:
        return bool(self.needs) and importlib.util.find_spec(self.needs) is None


def equal(seconds: float) -> Callable[[float, int], list[int]]:
    """Items of about this length; no two neighbours are the same, so that order can be checked."""

    def build(rate: float, count: int) -> list[int]:
        each = max(3, round(rate * seconds))
        return [each - 2 + i % 5 for i in range(count)]

    return build


def pareto(rate: float, count: int) -> list[int]:
    """Bounded Pareto law, shape 1.1, 1 to 50 ms; always the same draw."""
    draw, shape, low, high = random.Random(7), 1.1, 0.001, 0.050
    tail = 1 - (low / high) ** shape
    lengths = (low / (1 - draw.random() * tail) ** (1 / shape) for _ in range(count))
    return [round(rate * length) for length in lengths]


def blocks(rate: float, count: int) -> list[tuple[int, bytes]]:
    each = round(rate * 0.005)
    return [(each, i.to_bytes(8, "big") + BLOCK[8:]) for i in range(count)]


def indexed(rate: float, count: int) -> list[tuple[int, int]]:
    each = round(rate * 0.005)
    return [(each, i) for i in range(count)]


def _first(item: tuple[int, Any]) -> float:
    return float(item[0])


WORKLOADS = (
    Workload("tiny", "10 µs x 100,000", iterate, 100_000, equal(10e-6), weight=float),
    Workload("1ms", "1 ms x 2,000", iterate, 2_000, equal(1e-3), weight=float),
    Workload("20ms", "20 ms x 200", iterate, 200, equal(20e-3), weight=float),
    Workload("pareto", "Pareto 1-50 ms x 300, shuffled", iterate, 300, pareto, weight=float),
    Workload(
        "ascending",
        "the same, ascending",
        iterate,
        300,
        lambda rate, count: sorted(pareto(rate, count)),
        weight=float,
    ),
    Workload("inputs", "1 MB in, 5 ms x 200", read_block, 200, blocks, int, _first),
    Workload(
        "results",
        "5 ms, 1 MB out x 200",
        write_block,
        200,
        indexed,
        lambda result: int.from_bytes(result[:8], "big") if len(result) == MEGABYTE else -1,
        _first,
    ),
    Workload(
        "arrays",
        "the same, numpy",
        write_array,
        200,
        indexed,
        lambda result: int(result[-1]) if result.nbytes == MEGABYTE else -1,
        _first,
        needs="numpy",
    ),
    Workload(
        "sleep", "sleep 5 ms x 500", wait, 500, lambda rate, count: list(range(count)), kind="wait"
    ),
    Workload("few", "10 µs x 100", iterate, 100, equal(10e-6), weight=float, kind="small"),
    Workload("one", "one item of 20 ms", iterate, 1, equal(20e-3), weight=float, kind="small"),
    Workload("none", "no items", iterate, 0, equal(1e-3), weight=float, kind="small"),
)


def calibrate(seconds: float = 0.03, rounds: int = 10) -> float:
    """Iterations a second of an undisturbed core: the fastest of several tries."""
    count, best = 10_000, 0.0
    for _ in range(rounds):
        began = time.perf_counter()
        iterate(count)
        best = max(best, count / (time.perf_counter() - began))
        count = max(10_000, round(best * seconds))
    return best
