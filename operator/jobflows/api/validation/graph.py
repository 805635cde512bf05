"""The graph of a flow: dependencies that exist, and no cycles. Linear in steps and edges.

Works on indexes into `spec.all_steps`. The engine has its own, richer graph in `jobflows.dag`; this
one only has to tell a good graph from a bad one, and what is bad about it.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from jobflows.api.model import JobFlow
from jobflows.api.validation.places import is_handler, places
from jobflows.api.validation.problems import Path, Problem, Spelling, listed


@dataclass(frozen=True, slots=True)
class StepGraph:
    """Dependencies as indexes. A name that occurs twice means its first step."""

    index: dict[str, int]
    parents: list[list[int]]
    order: list[int]
    """Steps in an order that respects dependencies, without those in or behind a cycle."""
    spelling: Spelling

    @property
    def acyclic(self) -> bool:
        """Whether each step can be reached."""
        return len(self.order) == len(self.parents)

    def behind(self, demands: Iterable[tuple[int, int]]) -> set[tuple[int, int]]:
        """Return the pairs (step, other) of `demands` in which `other` is no ancestor of `step`.

        One bit for each `other` asked about travels down the edges, so the cost is the number of
        edges whatever the number of demands. Only for acyclic graphs.
        """
        demands = list(demands)
        bits: dict[int, int] = {}
        for _, other in demands:
            bits.setdefault(other, 1 << len(bits))
        if not bits:
            return set()
        above = [0] * len(self.parents)
        for step in self.order:
            seen = 0
            for parent in self.parents[step]:
                seen |= above[parent] | bits.get(parent, 0)
            above[step] = seen
        return {(step, other) for step, other in demands if not above[step] & bits[other]}


def build(flow: JobFlow, spelling: Spelling) -> StepGraph:
    """Index the dependencies that exist; unknown ones and self-dependencies are left out."""
    steps = flow.spec.all_steps
    index: dict[str, int] = {}
    for number, step in enumerate(steps):
        index.setdefault(step.name, number)
    parents = [
        list({index[name]: None for name in step.dependencies if index.get(name, number) != number})
        for number, step in enumerate(steps)
    ]
    return StepGraph(index, parents, _topological_order(parents), spelling)


def _topological_order(parents: Sequence[Sequence[int]]) -> list[int]:
    """Kahn's algorithm."""
    children: list[list[int]] = [[] for _ in parents]
    for step, above in enumerate(parents):
        for parent in above:
            children[parent].append(step)
    missing = [len(above) for above in parents]
    ready = deque(step for step, count in enumerate(missing) if count == 0)
    order = []
    while ready:
        step = ready.popleft()
        order.append(step)
        for child in children[step]:
            missing[child] -= 1
            if missing[child] == 0:
                ready.append(child)
    return order


def dependencies(flow: JobFlow, graph: StepGraph) -> Iterator[Problem]:
    """Each dependency names another step, once."""
    for number, (base, step) in enumerate(places(flow)):
        seen: set[str] = set()
        for place, name in enumerate(step.dependencies):
            path = (*base, "dependencies", place)
            if name == step.name:
                yield Problem(path, f"step '{name}' depends on itself", "Remove this dependency")
            elif name not in graph.index:
                yield Problem(path, f"there is no step '{name}'", unknown_step(name, graph))
            elif is_handler(flow, graph.index[name]) != is_handler(flow, number):
                yield _across(path, name, is_handler(flow, number))
            elif name in seen:
                yield Problem(path, f"'{name}' is listed twice", "Remove one of them")
            seen.add(name)


def _across(path: Path, name: str, from_handler: bool) -> Problem:
    if from_handler:
        words = f"'{name}' is no exit handler, and exit handlers start after all other steps"
        return Problem(path, words, "Remove this dependency")
    words = f"'{name}' is an exit handler, which starts after all other steps"
    return Problem(path, words, f"Move '{name}' to spec.steps, or remove this dependency")


def unknown_step(name: str, graph: StepGraph) -> str:
    """Return the cure for a step that does not exist."""
    return (
        graph.spelling.did_you_mean(name, graph.index)
        or f"Use one of the steps {listed(graph.index)}"
    )


def cycles(flow: JobFlow, graph: StepGraph) -> Iterator[Problem]:
    """Name one cycle in each knot of steps that wait for each other."""
    if graph.acyclic:
        return
    steps = places(flow)
    for cycle in _cycles(graph):
        base, step = steps[cycle[0]]
        names = [steps[number][1].name for number in cycle]
        place = step.dependencies.index(names[1])
        shown = [*names, names[0]]
        if len(shown) > 12:
            shown = [*shown[:6], f"… {len(shown) - 11} more …", *shown[-5:]]
        yield Problem(
            (*base, "dependencies", place),
            f"these steps wait for each other: {' -> '.join(shown)}",
            "Remove one of these dependencies (a -> b means that a depends on b)",
        )


def _cycles(graph: StepGraph) -> Iterator[list[int]]:
    """Yield a cycle of each strongly connected component, from its first step along parents."""
    import networkx as nx  # noqa: PLC0415 - 80 ms that only a flow with a cycle pays

    def within(steps: set[int]) -> "nx.DiGraph[int]":
        edges = ((step, parent) for step in steps for parent in graph.parents[step])
        knot: nx.DiGraph[int] = nx.DiGraph()
        knot.add_edges_from(edge for edge in edges if edge[1] in steps)
        return knot

    left = set(range(len(graph.parents))) - set(graph.order)
    components = (c for c in nx.strongly_connected_components(within(left)) if len(c) > 1)
    for component in sorted(components, key=min):
        edges = nx.find_cycle(within(component), source=min(component))
        cycle = [step for step, _ in edges]
        first = cycle.index(min(cycle))
        yield cycle[first:] + cycle[:first]
