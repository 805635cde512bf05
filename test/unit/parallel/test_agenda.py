"""Random graphs, random ends: order is respected, everything ends once, results go in time."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from jobflows.chunking.errors import ItemError
from jobflows.dag import Graph
from jobflows.parallel.agenda import Agenda, critical_path, ways_to_the_end

FAILED = ItemError(0, "", "exception", "because")


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    size = draw(st.integers(0, 12))
    needs = [draw(st.sets(st.integers(0, i - 1), max_size=3)) if i else set() for i in range(size)]
    return Graph.build(
        [(f"t{i}", [f"t{d}" for d in sorted(above)]) for i, above in enumerate(needs)]
    )


def _costs(draw: st.DataObject, graph: Graph) -> list[float]:
    return [float(draw.draw(st.integers(0, 9))) for _ in range(len(graph))]


@given(graphs(), st.data())
def test_every_task_ends_once_and_after_what_it_needs(graph: Graph, data: st.DataObject) -> None:
    inputs = [sorted(above) for above in graph.parents]
    agenda = Agenda(graph, inputs, _costs(data, graph))
    running: list[int] = []
    ended: dict[int, str] = {}
    while not agenda.is_over:
        while (taken := agenda.take()) is not None:
            task, arguments = taken
            assert all(ended.get(i) == "done" for i in graph.parents[task])
            assert arguments == tuple(f"result of {i}" for i in inputs[task])
            running.append(task)
        assert running, "something is left, and nothing runs"
        task = running.pop(data.draw(st.integers(0, len(running) - 1)))
        assert task not in ended
        if data.draw(st.integers(0, 4)) == 0:
            agenda.fail(task, FAILED)
            ended[task] = "failed"
        else:
            agenda.finish(task, f"result of {task}")
            ended[task] = "done"
    assert not running
    assert ended.keys().isdisjoint(agenda.skipped)
    assert ended.keys() | agenda.skipped == set(range(len(graph)))
    assert set(agenda.results) == {i for i, how in ended.items() if how == "done"}
    bad = agenda.failures.keys() | agenda.skipped
    assert agenda.skipped == {i for i in range(len(graph)) if bad.intersection(graph.parents[i])}


@given(graphs(), st.data())
def test_results_are_let_go_when_nothing_needs_them(graph: Graph, data: st.DataObject) -> None:
    everything = st.integers(0, len(graph) - 1) if len(graph) else st.nothing()
    keep = data.draw(st.sets(everything))
    agenda = Agenda(graph, graph.parents, _costs(data, graph), keep)
    ended: set[int] = set()
    while (taken := agenda.take()) is not None:
        agenda.finish(taken[0], None)
        ended.add(taken[0])
        needed = {i for i in ended if not ended.issuperset(graph.children[i])}
        assert set(agenda.results) == needed | (keep & ended)
    assert agenda.is_over
    assert set(agenda.results) == keep


@given(graphs(), st.data())
def test_the_longest_way_comes_first(graph: Graph, data: st.DataObject) -> None:
    costs = _costs(data, graph)
    ways = ways_to_the_end(graph, costs)
    agenda = Agenda(graph, graph.parents, costs)
    while not agenda.is_over:
        ready = list(iter(agenda.take, None))
        assert [ways[task] for task, _ in ready] == sorted(
            (ways[t] for t, _ in ready), reverse=True
        )
        for task, _ in ready:
            agenda.finish(task, None)


@given(graphs(), st.data())
def test_the_critical_path_is_the_dearest_chain(graph: Graph, data: st.DataObject) -> None:
    costs = _costs(data, graph)
    path = critical_path(graph, costs)
    assert all(b in graph.children[a] for a, b in itertools.pairwise(path))
    assert sum(costs[i] for i in path) == max(ways_to_the_end(graph, costs), default=0.0)


def test_a_dear_chain_goes_before_a_wide_cheap_fan() -> None:
    graph = Graph.build([("cheap", []), ("dear", []), *((f"c{i}", ["cheap"]) for i in range(5))])
    agenda = Agenda(graph, graph.parents, [1.0, 9.0, *[1.0] * 5])
    first = agenda.take()
    assert first is not None
    assert graph.names[first[0]] == "dear"


def test_a_task_below_two_failures_is_skipped_once() -> None:
    graph = Graph.build([("a", []), ("b", []), ("c", ["a", "b"]), ("d", ["c"])])
    agenda = Agenda(graph, graph.parents, [1.0] * 4)
    agenda.take(), agenda.take()
    agenda.fail(0, FAILED)
    agenda.fail(1, FAILED)
    assert agenda.is_over
    assert agenda.skipped == {2, 3}
    assert agenda.take() is None
