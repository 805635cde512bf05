"""Properties of graph checks on random graphs, and that their work is linear."""

from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from jobflows.api import JobFlow
from jobflows.api.validation import validate
from jobflows.api.validation.graph import build
from jobflows.api.validation.problems import Spelling
from unit.api.flows import flow, step


@st.composite
def graphs(draw: st.DrawFn) -> list[list[int]]:
    """Dependencies of each step on steps before it."""
    size = draw(st.integers(2, 12))
    return [
        draw(st.lists(st.integers(0, number - 1), unique=True, max_size=4)) if number else []
        for number in range(size)
    ]


def shuffled(graph: list[list[int]], order: list[int]) -> dict[str, Any]:
    steps = [step(f"s{number}", *(f"s{parent}" for parent in graph[number])) for number in order]
    return flow(*steps)


@given(graphs(), st.randoms(use_true_random=False))
def test_a_graph_without_cycles_is_accepted_in_any_order(
    graph: list[list[int]], random: Any
) -> None:
    order = list(range(len(graph)))
    random.shuffle(order)

    assert validate(shuffled(graph, order)) == []


@given(graphs(), st.randoms(use_true_random=False), st.data())
def test_an_edge_back_is_named_as_a_cycle(
    graph: list[list[int]], random: Any, data: st.DataObject
) -> None:
    start = data.draw(st.integers(1, len(graph) - 1))
    way = [start]
    while graph[way[-1]]:
        way.append(random.choice(graph[way[-1]]))
    if way[-1] == start:
        return  # a root has nothing above it that could wait for it
    graph[way[-1]].append(start)
    order = list(range(len(graph)))
    random.shuffle(order)

    problems = validate(shuffled(graph, order))

    assert len(problems) == 1
    names = problems[0].message.rsplit(": ", 1)[1].split(" -> ")
    assert names[0] == names[-1]
    for reader, parent in pairwise(names):
        assert int(parent[1:]) in graph[int(reader[1:])]


@given(graphs(), st.data())
def test_a_step_can_read_its_ancestors_and_nothing_else(
    graph: list[list[int]], data: st.DataObject
) -> None:
    reader = data.draw(st.integers(0, len(graph) - 1))
    read = data.draw(st.integers(0, len(graph) - 1))
    document = shuffled(graph, list(range(len(graph))))
    document["spec"]["steps"][reader]["when"] = f"steps.s{read}.phase == 'Failed'"
    above: set[int] = set()
    waiting = [reader]
    while waiting:
        for parent in graph[waiting.pop()]:
            if parent not in above:
                above.add(parent)
                waiting.append(parent)

    assert (validate(document) == []) == (read in above)


def test_every_edge_is_followed_a_fixed_number_of_times() -> None:
    class Counted(list[int]):
        visits = 0

        def __iter__(self) -> Any:
            for item in super().__iter__():
                Counted.visits += 1
                yield item

    def visits(size: int) -> int:
        steps = [step(f"s{i}", *(f"s{j}" for j in range(max(0, i - 3), i))) for i in range(size)]
        graph = build(JobFlow.model_validate(flow(*steps)), Spelling())
        graph.parents[:] = [Counted(parents) for parents in graph.parents]
        Counted.visits = 0
        assert graph.behind((i, 0) for i in range(1, size)) == set()
        return Counted.visits

    edges = 3 * 400 - 6
    assert visits(400) == edges


def test_misspelt_names_do_not_cost_more_than_a_fixed_number_of_comparisons() -> None:
    spelling = Spelling(budget=10)
    known = {f"step-{number}" for number in range(5)}

    assert spelling.did_you_mean("step1", known) == "Did you mean step-1?"
    assert spelling.did_you_mean("step2", known) == "Did you mean step-2?"
    assert spelling.did_you_mean("step3", known) is None
