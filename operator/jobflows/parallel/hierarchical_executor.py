"""`HierarchicalExecutor`: functions that wait for each other, on all cores.

A task starts as soon as what it depends on is done and a worker is free; of several, the one with
the longest way to the end comes first. For flows that outlive a process, with retries and a record
of what was done, write a JobFlow instead.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from jobflows.chunking.machine.cores import usable_cores
from jobflows.dag import Graph
from jobflows.parallel.agenda import Agenda, critical_path
from jobflows.parallel.dealing import run
from jobflows.parallel.errors import (
    PoolType,
    TaskFailedError,
    checked_count,
    checked_pool_type,
)
from jobflows.parallel.memory import workers_that_fit


@dataclass(frozen=True, slots=True)
class _Task:
    function: Callable[..., Any]
    dependencies: tuple[str, ...]
    cost: float | None


class HierarchicalExecutor:
    """At most `num_workers` tasks at a time (default: the usable cores).

    With `memory_per_task` (bytes) there are no more than have room. `pool_type` is "process" for
    work, "thread" for waiting; "auto" means processes wherever functions can get there.
    """

    def __init__(
        self,
        num_workers: int | None = None,
        pool_type: PoolType = "auto",
        *,
        memory_per_task: int | None = None,
    ) -> None:
        self._workers = checked_count("num_workers", num_workers)
        self._pool_type = checked_pool_type(pool_type)
        self._memory = checked_count("memory_per_task", memory_per_task)
        self._tasks: dict[str, _Task] = {}

    def add_task(
        self,
        name: str,
        fn: Callable[..., Any],
        dependencies: Sequence[str] = (),
        cost: float | None = None,
    ) -> None:
        """Add a task. It is called with the results of its dependencies, in their order.

        They may be added later. `cost` is how long it takes, in any unit, as an estimate: it only
        decides what starts first. Tasks without one count as average. Raises `ValueError`.
        """
        if name in self._tasks:
            raise ValueError(f"there is a task {name!r} already: give another name")
        if isinstance(dependencies, str):
            raise ValueError(f"dependencies of {name!r} is a string: give [{dependencies!r}]")
        if not callable(fn):
            raise ValueError(f"task {name!r} is {fn!r}: give a function")
        if cost is not None and not cost >= 0:
            raise ValueError(f"cost of {name!r} is {cost!r}: give a number of at least 0, or None")
        self._tasks[name] = _Task(fn, tuple(dependencies), cost)

    def critical_path(self) -> list[str]:
        """The chain of tasks that takes longest, first to last: what to make faster."""
        graph = self._graph()
        return [graph.names[i] for i in critical_path(graph, self._costs())]

    def execute(self, keep: Iterable[str] | None = None) -> dict[str, Any]:
        """Run all tasks; results by name, in the order in which the tasks were added.

        With `keep` only these results are returned; the others are let go as soon as nothing needs
        them. Raises `ValueError` for an unknown dependency, `CycleError` for a cycle, both before
        anything runs, and `TaskFailedError` in the end if tasks failed.
        """
        graph = self._graph()
        if not len(graph):
            return {}
        kept = None if keep is None else {self._known(name, graph, "keep") for name in keep}
        inputs = [[graph.index[d] for d in task.dependencies] for task in self._tasks.values()]
        agenda = Agenda(graph, inputs, self._costs(), kept)
        workers = self._workers or usable_cores()
        if self._memory is not None:
            workers = workers_that_fit(self._memory, workers)
        functions = tuple(task.function for task in self._tasks.values())
        run(functions, agenda, min(workers, len(graph)), self._pool_type)
        results = {graph.names[i]: value for i, value in sorted(agenda.results.items())}
        if agenda.failures:
            failures = {graph.names[i]: why for i, why in sorted(agenda.failures.items())}
            skipped = tuple(graph.names[i] for i in sorted(agenda.skipped))
            cause = next(iter(failures.values())).cause
            raise TaskFailedError(failures, skipped, results) from cause
        return results

    def _graph(self) -> Graph:
        for name, task in self._tasks.items():
            for dependency in task.dependencies:
                if dependency not in self._tasks:
                    raise ValueError(f"task {name!r} depends on {self._unknown(dependency)}")
        return Graph.build((name, task.dependencies) for name, task in self._tasks.items())

    def _known(self, name: str, graph: Graph, what: str) -> int:
        if name not in graph.index:
            raise ValueError(f"{what} has {self._unknown(name)}")
        return graph.index[name]

    def _unknown(self, name: str) -> str:
        near = difflib.get_close_matches(name, self._tasks, 1)
        hint = f": did you mean {near[0]!r}?" if near else ": add it with add_task"
        return f"{name!r}, and there is no such task{hint}"

    def _costs(self) -> list[float]:
        known = [task.cost for task in self._tasks.values() if task.cost is not None]
        usual = fmean(known) if known else 1.0
        return [usual if task.cost is None else task.cost for task in self._tasks.values()]
