"""The compiled graph: order, rank, critical path, and the name of a cycle."""

from __future__ import annotations

from itertools import pairwise

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobflows.dag import CycleError, Graph

DIAMOND = [("d", ("b", "c")), ("b", ("a",)), ("c", ("a",)), ("a", ())]


@st.composite
def edge_lists(draw: st.DrawFn, *, acyclic: bool = True) -> list[tuple[str, list[str]]]:
    """Up to twelve steps in any order; a step may name a dependency twice."""
    names = draw(st.permutations([f"s{i}" for i in range(draw(st.integers(1, 12)))]))
    pairs = []
    for i, name in enumerate(names):
        others = names[:i] if acyclic else names
        needs = draw(st.lists(st.sampled_from(others), max_size=4)) if others else []
        pairs.append((name, needs))
    return draw(st.permutations(pairs))


def reference(pairs: list[tuple[str, list[str]]]) -> nx.DiGraph[str]:
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(name for name, _ in pairs)
    graph.add_edges_from((need, name) for name, needs in pairs for need in needs)
    return graph


def test_steps_keep_the_order_of_the_spec() -> None:
    graph = Graph.build(DIAMOND)

    assert graph.names == ("d", "b", "c", "a")
    assert graph.parents == ((1, 2), (3,), (3,), ())
    assert graph.children == ((), (0,), (0,), (1, 2))
    assert [graph.names[i] for i in graph.order] == ["a", "b", "c", "d"]
    assert len(graph) == 4


def test_the_rank_is_the_number_of_steps_that_are_left_on_the_longest_path() -> None:
    graph = Graph.build([*DIAMOND, ("alone", ()), ("e", ("d",))])

    assert dict(zip(graph.names, graph.rank, strict=True)) == {
        "a": 4,
        "b": 3,
        "c": 3,
        "d": 2,
        "e": 1,
        "alone": 1,
    }


def test_the_critical_path_takes_the_first_of_equal_ways() -> None:
    graph = Graph.build(DIAMOND)

    assert [graph.names[i] for i in graph.critical_path()] == ["a", "b", "d"]


def test_a_dependency_named_twice_is_one() -> None:
    graph = Graph.build([("a", ()), ("b", ("a", "a"))])

    assert graph.parents[1] == (0,)
    assert graph.children[0] == (1,)


def test_an_empty_graph_has_an_empty_path() -> None:
    assert Graph.build([]).critical_path() == ()


def test_an_unknown_dependency_is_an_error() -> None:
    with pytest.raises(KeyError, match="nosuch"):
        Graph.build([("a", ("nosuch",))])


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([("a", ("a",))], "cycle: a -> a"),
        ([("a", ("b",)), ("b", ("a",))], "cycle: b -> a -> b"),
        (
            [("in", ()), ("a", ("in", "c")), ("b", ("a",)), ("c", ("b",)), ("out", ("c",))],
            "cycle: c -> a -> b -> c",
        ),
    ],
)
def test_a_cycle_is_named_along_its_edges(
    pairs: list[tuple[str, tuple[str, ...]]], message: str
) -> None:
    with pytest.raises(CycleError) as caught:
        Graph.build(pairs)

    assert str(caught.value) == message


def test_a_chain_of_ten_thousand_steps_needs_no_recursion() -> None:
    names = [f"s{i}" for i in range(10_000)]
    pairs = [(name, names[i - 1 : i] if i else []) for i, name in enumerate(names)]
    graph = Graph.build(pairs)
    assert graph.critical_path() == tuple(range(10_000))

    with pytest.raises(CycleError):
        Graph.build([(names[0], [names[-1]]), *pairs[1:]])


@given(pairs=edge_lists())
@settings(derandomize=True)
def test_order_rank_and_critical_path_are_those_of_networkx(
    pairs: list[tuple[str, list[str]]],
) -> None:
    graph, expected = Graph.build(pairs), reference(pairs)

    place = {graph.names[i]: position for position, i in enumerate(graph.order)}
    assert sorted(place) == sorted(expected.nodes)
    assert all(place[before] < place[after] for before, after in expected.edges)
    ranks = {
        name: 1 + max((len(p) - 1 for p in paths_from(expected, name)), default=0)
        for name in expected
    }
    assert dict(zip(graph.names, graph.rank, strict=True)) == ranks
    path = [graph.names[i] for i in graph.critical_path()]
    assert len(path) == nx.dag_longest_path_length(expected) + 1
    assert all(expected.has_edge(a, b) for a, b in pairwise(path))
    exported = graph.to_networkx()
    assert set(exported.edges) == set(expected.edges)
    assert set(exported.nodes) == set(expected.nodes)


def paths_from(graph: nx.DiGraph[str], name: str) -> list[list[str]]:
    below = graph.subgraph({name, *nx.descendants(graph, name)})
    return [nx.dag_longest_path(below)]


@given(pairs=edge_lists(acyclic=False))
@settings(derandomize=True)
def test_a_cycle_is_found_exactly_when_there_is_one(pairs: list[tuple[str, list[str]]]) -> None:
    expected = reference(pairs)
    if nx.is_directed_acyclic_graph(expected):
        assert len(Graph.build(pairs).order) == len(expected)
        return
    with pytest.raises(CycleError) as caught:
        Graph.build(pairs)
    path = caught.value.path
    assert path[0] == path[-1]
    assert len(set(path)) == len(path) - 1
    assert all(expected.has_edge(a, b) for a, b in pairwise(path))


def test_the_critical_path_follows_weights_when_there_are_some() -> None:
    graph = Graph.build([("a", []), ("b", []), ("c", ["b"]), ("d", ["a", "c"])])
    assert [graph.names[i] for i in graph.critical_path()] == ["b", "c", "d"]
    assert [graph.names[i] for i in graph.critical_path([9.0, 1.0, 1.0, 1.0])] == ["a", "d"]
