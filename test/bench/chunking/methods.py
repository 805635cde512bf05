"""The ways to run a function over items, each behind one call, each at its defaults.

A method prepares itself (imports, which are not timed) and then runs: from the start of its workers
to their end. `ours` is the only place that knows the interface of `jobflows.chunking`. `apart` is
no way to do it, but what the machine can do: two cores that share caches and a clock are not worth
twice one core.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

Function = Callable[[Any], Any]
Items = Sequence[Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Results, and what the method says of itself."""

    results: list[Any]
    said: dict[str, Any] = field(default_factory=dict)


Run = Callable[[Function, Items, int], Outcome]
"""(function, items, cores)"""


@dataclass(frozen=True, slots=True)
class Method:
    """`prepare` imports and returns what runs."""

    name: str
    prepare: Callable[[], Run]
    needs: str = ""
    kinds: tuple[str, ...] = ("work", "wait")
    """Kinds of workloads that it is run on."""
    peer: bool = True
    keeps: bool = True
    """Whether it has results."""

    @property
    def missing(self) -> bool:
        return bool(self.needs) and importlib.util.find_spec(self.needs) is None


SAID = (
    "executor",
    "start_method",
    "workers",
    "claims",
    "claim_items",
    "waiting_share",
    "predicted_seconds",
    "predicted_low",
    "predicted_high",
    "reasons",
)
"""Of a report of ours."""


def serial() -> Run:
    return lambda function, items, _: Outcome([function(item) for item in items])


def apart() -> Run:
    """A process a core, of which each knows beforehand what it has to do, and tells nobody."""

    def run(function: Function, items: Items, cores: int) -> Outcome:
        shares: list[list[Any]] = [[] for _ in range(cores)]
        sums = [0.0] * cores
        for item in sorted(items, key=_length, reverse=True):
            least = sums.index(min(sums))
            sums[least] += _length(item)
            shares[least].append(item)
        children = []
        for share in shares:
            pid = os.fork()
            if not pid:
                for item in share:
                    function(item)
                os._exit(0)
            children.append(pid)
        for pid in children:
            os.waitpid(pid, 0)
        return Outcome([])

    return run


def _length(item: Any) -> float:
    """How long it takes; the workloads' items are that, or tuples that begin with it."""
    return float(item[0] if isinstance(item, tuple) else item)


def ours() -> Run:
    options = importlib.import_module("jobflows.chunking.options").Options()
    map_run = importlib.import_module("jobflows.chunking.run").MapRun

    def run(function: Function, items: Items, _: int) -> Outcome:
        made = map_run(function, items, options)
        results = made.results()
        report = made.report
        said = {name: getattr(report, name) for name in SAID}
        return Outcome(results, said)

    return run


def pool_map() -> Run:
    multiprocessing = importlib.import_module("multiprocessing")

    def run(function: Function, items: Items, cores: int) -> Outcome:
        with multiprocessing.Pool(cores) as pool:
            results = pool.map(function, items)
            pool.close()
            pool.join()
        return Outcome(results)

    return run


def futures() -> Run:
    executor = importlib.import_module("concurrent.futures").ProcessPoolExecutor

    def run(function: Function, items: Items, cores: int) -> Outcome:
        with executor(cores) as pool:
            return Outcome(list(pool.map(function, items)))

    return run


def joblib() -> Run:
    module = importlib.import_module("joblib")
    reusable = importlib.import_module("joblib.externals.loky").get_reusable_executor

    def run(function: Function, items: Items, cores: int) -> Outcome:
        call = module.delayed(function)
        results = module.Parallel(n_jobs=cores)(call(item) for item in items)
        reusable().shutdown(wait=True)
        return Outcome(results)

    return run


def loky() -> Run:
    executor = importlib.import_module("loky").ProcessPoolExecutor

    def run(function: Function, items: Items, cores: int) -> Outcome:
        with executor(cores) as pool:
            return Outcome(list(pool.map(function, items)))

    return run


def mpire() -> Run:
    pool_type = importlib.import_module("mpire").WorkerPool

    def run(function: Function, items: Items, cores: int) -> Outcome:
        # it takes tuples for several arguments
        arguments = [(item,) for item in items] if isinstance(items[0], tuple) else items
        with pool_type(n_jobs=cores) as pool:
            results = pool.map(function, arguments, concatenate_numpy_output=False)
            pool.stop_and_join()
        return Outcome(results)

    return run


def published_rule() -> Run:
    rule = importlib.import_module("bench.chunking.published_rule")
    cores = importlib.import_module("jobflows.chunking.machine.cores").physical_cores()
    return lambda function, items, _: Outcome(rule.run(function, items, cores))


def threads64() -> Run:
    executor = importlib.import_module("concurrent.futures").ThreadPoolExecutor

    def run(function: Function, items: Items, _: int) -> Outcome:
        with executor(64) as pool:
            return Outcome(list(pool.map(function, items)))

    return run


ALL_KINDS = ("work", "wait", "small")

METHODS = (
    Method("serial", serial, kinds=ALL_KINDS, peer=False),
    Method("apart", apart, kinds=("work",), peer=False, keeps=False),
    Method("ours", ours, kinds=ALL_KINDS, peer=False),
    Method("pool", pool_map),
    Method("futures", futures),
    Method("joblib", joblib, needs="joblib"),
    Method("loky", loky, needs="loky"),
    Method("mpire", mpire, needs="mpire"),
    Method("amorsize", published_rule),
    Method("threads64", threads64, kinds=("wait",), peer=False),
)
