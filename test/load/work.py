"""What is to run: a graph, and for each step how long it takes and how often it fails first.

Made from a seed, so that two controllers, or two versions of one, get the very same work. A
duration is a distribution in words: `1s` or `fixed:1s`, `uniform:100ms,2s`, `exp:1s` (its mean),
`lognormal:1s,0.5` (its median, and sigma).
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from bench.shapes import Dag, chain, fan, layers

MOST_FAILURES = 8
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "": 1.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|)")
_PARENTS = 3


@dataclass(frozen=True, slots=True)
class Task:
    """`seconds` of work, after so many attempts that fail."""

    seconds: float = 0.0
    failures: int = 0


@dataclass(frozen=True, slots=True)
class Work:
    """One flow. With an `array`, each step is so many tasks, which share its fate."""

    name: str
    dag: Dag
    tasks: dict[str, Task] = field(default_factory=dict)
    array: int = 0
    at_once: int = 0
    """Tasks of an array that may run at a time; 0: all."""

    @property
    def size(self) -> int:
        """Steps, or tasks of all arrays."""
        return len(self.dag) * max(1, self.array)


@dataclass(frozen=True, slots=True)
class Plan:
    """How the works of a run are made; `fail` is the chance of each attempt."""

    shape: str = "chain"
    flows: int = 1
    steps: int = 10
    array: int = 0
    at_once: int = 0
    duration: str = "0s"
    fail: float = 0.0
    seed: int = 0

    def works(self, run: str) -> list[Work]:
        """All flows, named by the run and their number."""
        length = Duration.read(self.duration)
        made = []
        for number in range(self.flows):
            rng = random.Random(f"{self.seed}/{number}")
            dag = SHAPES[self.shape](self.steps, rng)
            tasks = {step: Task(length.draw(rng), _failures(self.fail, rng)) for step in dag}
            made.append(Work(f"{run}-{number:05}", dag, tasks, self.array, self.at_once))
        return made


@dataclass(frozen=True, slots=True)
class Duration:
    """A distribution of seconds."""

    kind: str
    values: tuple[float, ...]

    @classmethod
    def read(cls, text: str) -> Duration:
        """Raises ValueError, with what would be right."""
        kind, colon, rest = text.partition(":")
        if not colon:
            kind, rest = "fixed", text
        parts = rest.split(",")
        if kind not in _DRAWS or len(parts) != (2 if kind in ("uniform", "lognormal") else 1):
            raise ValueError(
                f"{text!r} is no distribution: write 1s, uniform:1s,2s, exp:1s, lognormal:1s,0.5"
            )
        return cls(kind, tuple(map(seconds, parts)))

    def draw(self, rng: random.Random) -> float:
        """Seconds, to the millisecond."""
        return round(_DRAWS[self.kind](rng, *self.values), 3)


def seconds(text: str) -> float:
    """`200ms`, `2s`, `1m`, or seconds."""
    found = _DURATION.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is no duration: write 200ms, 2s, 1m or 1h")
    return float(found[1]) * _UNITS[found[2]]


def rate(text: str) -> float:
    """`50/s`, `600/m`; a second."""
    count, _, unit = text.partition("/")
    per = {"s": 1.0, "m": 60.0, "h": 3600.0}.get(unit or "s")
    try:
        found = float(count) / per if per else 0.0
    except ValueError:
        found = 0.0
    if found <= 0:
        raise ValueError(f"{text!r} is no rate: write 50/s or 600/m")
    return found


def share(text: str) -> float:
    """`5%` or `0.05`."""
    try:
        found = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        found = -1.0
    if not 0 <= found < 1:
        raise ValueError(f"{text!r} is no share: write 5% or 0.05")
    return found


def random_dag(steps: int, rng: random.Random) -> Dag:
    """Each step waits for up to three earlier ones, sooner for near ones."""
    dag: Dag = {}
    for number in range(steps):
        back = {1 + int(rng.expovariate(3 / steps)) for _ in range(rng.randint(0, _PARENTS))}
        dag[f"s{number}"] = [f"s{number - b}" for b in sorted(back) if number >= b]
    return dag


def _square(steps: int) -> Dag:
    width = max(1, math.isqrt(steps))
    return dict(list(layers(-(-steps // width), width).items())[:steps])


SHAPES: dict[str, Callable[[int, random.Random], Dag]] = {
    "chain": lambda steps, rng: chain(steps),
    "fan": lambda steps, rng: fan(max(1, steps - 2)),
    "layers": lambda steps, rng: _square(steps),
    "random": random_dag,
    "wide": lambda steps, rng: layers(1, steps),
}

_DRAWS: dict[str, Callable[..., float]] = {
    "fixed": lambda rng, value: value,
    "uniform": lambda rng, low, high: rng.uniform(low, high),
    "exp": lambda rng, mean: rng.expovariate(1 / mean) if mean else 0.0,
    "lognormal": lambda rng, median, sigma: rng.lognormvariate(math.log(median), sigma),
}


def _failures(chance: float, rng: random.Random) -> int:
    count = 0
    while count < MOST_FAILURES and rng.random() < chance:
        count += 1
    return count
