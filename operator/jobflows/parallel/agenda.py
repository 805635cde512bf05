"""Which task of a graph is next, what it is given, and whose results may go. Pure.

Of the tasks that could run, the one with the longest way to the end comes first. A task below a
failed one never runs. A result is let go when its last dependent is done, unless it is to be kept.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Sequence
from typing import Any

from jobflows.chunking.errors import ItemError
from jobflows.dag import Graph


def ways_to_the_end(graph: Graph, costs: Sequence[float]) -> list[float]:
    """For each task, its cost and that of the dearest chain of tasks below it."""
    ways = list(costs)
    for i in reversed(graph.order):
        ways[i] += max((ways[child] for child in graph.children[i]), default=0.0)
    return ways


def critical_path(graph: Graph, costs: Sequence[float]) -> list[int]:
    """The dearest chain of tasks, first to last."""
    ways = ways_to_the_end(graph, costs)
    path: list[int] = []
    below: Sequence[int] = [i for i, above in enumerate(graph.parents) if not above]
    while below:
        path.append(max(below, key=lambda i: (ways[i], -i)))
        below = graph.children[path[-1]]
    return path


class Agenda:
    """Of one execution. `inputs[i]` are the tasks whose results task i is given, in that order."""

    def __init__(
        self,
        graph: Graph,
        inputs: Sequence[Sequence[int]],
        costs: Sequence[float],
        keep: Collection[int] | None = None,
    ) -> None:
        self._graph = graph
        self._inputs = inputs
        self._ways = ways_to_the_end(graph, costs)
        self._keep = keep
        self._unmet = [len(above) for above in graph.parents]
        self._dependents = [len(below) for below in graph.children]
        self._ready: list[tuple[float, int]] = []
        self._unfinished = len(graph)
        self._results: dict[int, Any] = {}
        self.failures: dict[int, ItemError] = {}
        self.skipped: set[int] = set()
        for i, count in enumerate(self._unmet):
            if count == 0:
                self._add(i)

    @property
    def is_over(self) -> bool:
        """Whether every task is done, failed or skipped."""
        return not self._unfinished

    @property
    def results(self) -> dict[int, Any]:
        """Those that are kept, or still needed."""
        return dict(self._results)

    def take(self) -> tuple[int, tuple[Any, ...]] | None:
        """The next task and its arguments; None if there is none as yet."""
        if not self._ready:
            return None
        _, task = heapq.heappop(self._ready)
        return task, tuple(self._results[i] for i in self._inputs[task])

    def finish(self, task: int, result: Any) -> None:
        """A task is done."""
        self._results[task] = result
        for child in self._graph.children[task]:
            self._unmet[child] -= 1
            if not self._unmet[child] and child not in self.skipped:
                self._add(child)
        self._settle(task)

    def fail(self, task: int, failure: ItemError) -> None:
        """A task has failed: nothing below it is going to run."""
        self.failures[task] = failure
        below = list(self._graph.children[task])
        while below:
            i = below.pop()
            if i not in self.skipped:
                self.skipped.add(i)
                below += self._graph.children[i]
                self._settle(i)
        self._settle(task)

    def _add(self, task: int) -> None:
        heapq.heappush(self._ready, (-self._ways[task], task))

    def _settle(self, task: int) -> None:
        self._unfinished -= 1
        for parent in self._graph.parents[task]:
            self._dependents[parent] -= 1
            self._let_go(parent)
        self._let_go(task)

    def _let_go(self, task: int) -> None:
        if self._keep is not None and task not in self._keep and not self._dependents[task]:
            self._results.pop(task, None)
