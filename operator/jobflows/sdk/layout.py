"""Which tasks become one step: groups of tasks of one kind whose dependencies an array can say.

A flow knows two ways in which a step may wait for an array: each of its tasks for all of the
array's, or each for the one with its own index. So tasks are put into the fewest groups found
between any two of which there is nothing, everything, or a pairing. It begins with tasks of one
kind at the same distance from both ends of the graph, and splits groups until that holds.

Tasks are numbers here, in an order that does not depend on how the program made them, so that the
same graph always becomes the same steps. Sets of dependencies that many tasks share are kept once:
two layers of 1,000 tasks, all waiting for all, are 2,000 entries and not a million.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

MOST_ROUNDS = 100
"""Rounds of splitting after which only twins stay together, so that no graph takes for ever."""


@dataclass(frozen=True, slots=True)
class Group:
    """Tasks that become one step, in the order of their indexes; `parents` are groups.

    `by_index`: of each parent with several tasks, task i is waited for by task i.
    """

    members: tuple[int, ...]
    parents: tuple[int, ...]
    by_index: bool


class Cycle(Exception):  # noqa: N818 - a fact about a graph, turned into words by the caller
    """Tasks that wait for each other, the first one again at the end."""

    def __init__(self, tasks: list[int]) -> None:
        super().__init__(tasks)
        self.tasks = tasks


def arrange(kinds: Sequence[Hashable], upstreams: Sequence[frozenset[int]]) -> list[Group]:
    """Group tasks by kind and dependencies; raises `Cycle`.

    Tasks with a kind of their own stay alone. Parents come before their children in the result.
    """
    graph = _Graph(upstreams)
    colours = _numbered(zip(kinds, graph.depth, graph.height, strict=True))
    for _ in range(MOST_ROUNDS):
        colours, is_stable = graph.refined(colours)
        layout = _Layout(graph, colours) if is_stable else None
        marks = layout.marks() if layout is not None else None
        if layout is not None and not marks:
            return layout.groups()
        if marks:
            colours = _numbered((c, tuple(marks.get(t, ()))) for t, c in enumerate(colours))
    return _Layout(graph, graph.twins(kinds)).groups()


def _numbered(values: Iterable[Hashable]) -> list[int]:
    """Equal values as equal numbers, in the order in which they come."""
    numbers: dict[Hashable, int] = {}
    return [numbers.setdefault(value, len(numbers)) for value in values]


class _Graph:
    """`sets` are the different sets of dependencies, `own[t]` is that of task t, `owners[s]` the
    tasks that have it, `within[t]` the sets that task t is in. `depth[t]` and `height[t]` are the
    longest way from a first task and to a last one."""

    def __init__(self, upstreams: Sequence[frozenset[int]]) -> None:
        self.size = len(upstreams)
        self.own = _numbered(upstreams)
        self.sets = list(dict.fromkeys(upstreams))
        self.owners: list[list[int]] = [[] for _ in self.sets]
        for task, number in enumerate(self.own):
            self.owners[number].append(task)
        self.within: list[list[int]] = [[] for _ in upstreams]
        for number, members in enumerate(self.sets):
            for task in members:
                self.within[task].append(number)
        self.depth, self.height = self._distances()

    def _distances(self) -> tuple[list[int], list[int]]:
        left = [len(members) for members in self.sets]
        depth, order = [-1] * self.size, list[int]()
        for number, members in enumerate(self.sets):
            if not members:
                for task in self.owners[number]:
                    depth[task] = 0
                    order.append(task)
        for task in order:  # the list grows while it is walked
            for number in self.within[task]:
                left[number] -= 1
                if not left[number]:
                    below = 1 + max(depth[member] for member in self.sets[number])
                    for owner in self.owners[number]:
                        depth[owner] = below
                        order.append(owner)
        if len(order) < self.size:
            raise Cycle(self._cycle(depth))
        height = [0] * self.size
        reach = [0] * len(self.sets)
        for task in reversed(order):
            height[task] = max((reach[number] for number in self.within[task]), default=0)
            number = self.own[task]
            reach[number] = max(reach[number], height[task] + 1)
        return depth, height

    def _cycle(self, depth: list[int]) -> list[int]:
        task = depth.index(-1)
        way: dict[int, None] = {}
        while task not in way:
            way[task] = None
            task = min(t for t in self.sets[self.own[task]] if depth[t] < 0)
        tasks = list(way)
        found = tasks[tasks.index(task) :]
        return [*reversed(found), found[-1]]

    def refined(self, colours: list[int]) -> tuple[list[int], bool]:
        """Split tasks that have other neighbours, and whether there was nothing to split."""
        kinds = _numbered(
            (_counted(colours, members), _counted(colours, owners))
            for members, owners in zip(self.sets, self.owners, strict=True)
        )
        found = _numbered(
            (colour, kinds[own], tuple(sorted(kinds[number] for number in within)))
            for colour, own, within in zip(colours, self.own, self.within, strict=True)
        )
        return found, max(found, default=0) == max(colours, default=0)

    def twins(self, kinds: Sequence[Hashable]) -> list[int]:
        """Only tasks of a kind that wait for the same, and are waited for by the same."""
        return _numbered(
            (kind, own, tuple(within))
            for kind, own, within in zip(kinds, self.own, self.within, strict=True)
        )


def _counted(colours: list[int], tasks: Iterable[int]) -> tuple[tuple[int, int], ...]:
    return tuple(sorted(Counter(colours[task] for task in tasks).items()))


class _Layout:
    """Groups by colour, what lies between them, and what of it no array can say."""

    def __init__(self, graph: _Graph, colours: list[int]) -> None:
        self.graph = graph
        self.colours = colours
        members: dict[int, list[int]] = {}
        for task, colour in enumerate(colours):
            members.setdefault(colour, []).append(task)
        self.members = members
        self.whole: dict[int, set[int]] = {c: set() for c in members}
        """Groups of which all tasks are waited for."""
        self.paired: dict[int, set[int]] = {c: set() for c in members}
        """Groups of which one task is."""
        self.broken: set[tuple[int, int]] = set()
        """Pairs of groups with anything else between them, the upper one first."""
        for number, above in enumerate(graph.sets):
            counts = Counter(colours[task] for task in above)
            for own in {colours[task] for task in graph.owners[number]}:
                for colour, count in counts.items():
                    self._note(colour, own, count)
        self.places: dict[int, int] = {}
        """The index of each task in its group."""

    def _note(self, upper: int, lower: int, count: int) -> None:
        size = len(self.members[upper])
        if count == size:
            self.whole[lower].add(upper)
        elif count == 1 and size == len(self.members[lower]):
            self.paired[lower].add(upper)
        else:
            self.broken.add((upper, lower))

    def marks(self) -> dict[int, list[Hashable]]:
        """By task, what tells it from others of its group, where the group has to be split."""
        marks: dict[int, list[Hashable]] = {}
        for upper, lower in sorted(self.broken):
            self._split(upper, lower, marks)
        if marks:
            return marks
        self._drop_implied()
        for colour, tasks in self.members.items():
            if self.paired[colour] and any(self._is_array(u) for u in self.whole[colour]):
                marks |= {task: [task] for task in tasks}
        return marks or self._place()

    def _split(self, upper: int, lower: int, marks: dict[int, list[Hashable]]) -> None:
        """Keep together what waits for the same of `upper`, and what is waited for by the same."""
        graph, seen = self.graph, dict[frozenset[int], int]()
        above = frozenset(self.members[upper])
        waited: dict[int, list[int]] = {task: [] for task in above}
        for number in sorted({graph.own[task] for task in self.members[lower]}):
            part = graph.sets[number] & above
            if part not in seen:
                for task in part:
                    waited[task].append(len(seen))
            place = seen.setdefault(part, len(seen))
            for task in graph.owners[number]:
                if self.colours[task] == lower:
                    marks.setdefault(task, []).append((upper, place))
        for task, places in waited.items():
            marks.setdefault(task, []).append((lower, tuple(places)))

    def _is_array(self, colour: int) -> bool:
        return len(self.members[colour]) > 1

    def _drop_implied(self) -> None:
        """Leave out arrays that are done anyway before what else a group waits for is.

        Only where a group is paired with another, because it can say one of the two only.
        """
        arrays = {colour for colour in self.members if self._is_array(colour)}
        if not any(self.paired[c] and self.whole[c] & arrays for c in arrays):
            return
        above: dict[int, set[int]] = {}
        for colour in sorted(self.members, key=self._depth):
            implied = set[int]().union(
                *(above[p] for p in self.whole[colour] | self.paired[colour])
            )
            if self.paired[colour]:
                self.whole[colour] -= implied
            above[colour] = implied | self.whole[colour] & arrays

    def _depth(self, colour: int) -> int:
        return self.graph.depth[self.members[colour][0]]

    def _place(self) -> dict[int, list[Hashable]]:
        """Number the tasks of each group so that paired tasks have the same index.

        Returns marks for groups that are paired in two ways that do not agree.
        """
        below: dict[int, list[int]] = {}
        for colour, uppers in self.paired.items():
            for upper in uppers:
                below.setdefault(upper, []).append(colour)
        for colour in sorted(self.members, key=lambda c: (self._depth(c), self.members[c][0])):
            if self.members[colour][0] in self.places:
                continue
            self.places |= {task: i for i, task in enumerate(self.members[colour])}
            todo = [colour]
            for one in todo:
                for upper, lower in (
                    *((upper, one) for upper in self.paired[one]),
                    *((one, lower) for lower in below.get(one, ())),
                ):
                    if not self._aligned(upper, lower, todo):
                        return {t: [t] for c in (upper, lower) for t in self.members[c]}
        return {}

    def _aligned(self, upper: int, lower: int, todo: list[int]) -> bool:
        """Carry the places of one of two paired groups over to the other; False if they differ."""
        graph, places = self.graph, self.places
        for task in self.members[lower]:
            (pair,) = (t for t in graph.sets[graph.own[task]] if self.colours[t] == upper)
            known, other = (pair, task) if pair in places else (task, pair)
            if other not in places:
                places[other] = places[known]
                if task == self.members[lower][-1]:
                    todo.append(self.colours[other])
            elif places[other] != places[known]:
                return False
        return True

    def groups(self) -> list[Group]:
        """All groups, parents first."""
        if not self.places:
            self.places = {t: i for tasks in self.members.values() for i, t in enumerate(tasks)}
        order = sorted(self.members, key=lambda c: (self._depth(c), self.members[c][0]))
        number = {colour: i for i, colour in enumerate(order)}
        return [
            Group(
                tuple(sorted(self.members[c], key=self.places.__getitem__)),
                tuple(sorted(number[p] for p in self.whole[c] | self.paired[c])),
                bool(self.paired[c]),
            )
            for c in order
        ]
