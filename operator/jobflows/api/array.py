"""Arrays: one step, many tasks, told apart by an index and by the values that belong to it.

`TaskValues` is the list of those values, computed when asked: an array of 100,000 is never written
out. Combinations of a matrix vary its alphabetically last key fastest, since the API server keeps
no order of keys.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Annotated, Any, Literal

from pydantic import Field

from jobflows.api.base import Count, Model
from jobflows.api.parameters import JSONPathText

MAX_TASKS = 100_000
MAX_ITEMS = 10_000

TASK_KEY_PATTERN = r"^[A-Za-z][A-Za-z0-9_]*$"
"""Names of task values: they become shell variables."""

DependencyMode = Literal["All", "Index"]

_ANYTHING = {"items": {"x-kubernetes-preserve-unknown-fields": True}}


class ItemsFrom(Model):
    """A list that an earlier step has found out."""

    json_path: JSONPathText
    """`step:$.path` to an output that holds a JSON list, such as `split:$.outputs.files`."""

    limit: Annotated[int, Field(strict=True, ge=1, le=MAX_ITEMS)] = 1000
    """Most items that are expected; a longer list fails the step and floods nothing."""


class Array(Model):
    """Runs the step's template once for each task.

    That exactly one of `count`, `items`, `itemsFrom` and `matrix` is given is for the validator to
    see: CEL does not know fields whose items may be of any type.
    """

    count: Annotated[int, Field(strict=True, ge=0, le=MAX_TASKS)] | None = None
    """Number of tasks, told apart by `{{ task.index }}` only."""

    items: (
        Annotated[
            tuple[Any, ...],
            Field(
                max_length=MAX_ITEMS,
                json_schema_extra={"x-kubernetes-list-type": "atomic", **_ANYTHING},
            ),
        ]
        | None
    ) = None
    """One task for each item: a string, number or boolean is `{{ task.item }}`; each key of a mapping is `{{ task.<key> }}`."""  # noqa: E501 - one sentence of kubectl explain

    items_from: ItemsFrom | None = None
    """Items from an output of a step that this one depends on."""

    matrix: (
        Annotated[
            dict[
                str,
                Annotated[
                    tuple[Any, ...],
                    Field(
                        max_length=MAX_ITEMS,
                        json_schema_extra={"x-kubernetes-list-type": "atomic", **_ANYTHING},
                    ),
                ],
            ],
            Field(max_length=16),
        ]
        | None
    ) = None
    """One task for each combination of values; each key is `{{ task.<key> }}`."""

    parallelism: Count | None = None
    """Most tasks of this step running at once; may be changed while it runs, 0 pauses. Absent: no limit."""  # noqa: E501 - one sentence of kubectl explain

    dependency_mode: DependencyMode = "All"
    """All: tasks start when all dependencies are done. Index: task i starts when task i of each array among the dependencies is done, and all other dependencies."""  # noqa: E501 - one sentence of kubectl explain


class ItemsError(ValueError):
    """A value that is no list of items; the message says why."""


@dataclass(frozen=True, slots=True)
class TaskValues:
    """The values of each task. Exactly one of `items` and `matrix` is used; neither: index only."""

    count: int
    items: Sequence[Mapping[str, str]] | None = None
    matrix: Mapping[str, Sequence[str]] | None = None

    @classmethod
    def of(cls, array: Array, found: str | None = None) -> TaskValues:
        """The values of `array`; `found` is the text that `itemsFrom` points to.

        Raises `ItemsError` for what is no list of items, or too long a one.
        """
        if array.matrix is not None:
            matrix = {
                key: tuple(scalar(value) for value in array.matrix[key])
                for key in sorted(array.matrix)
            }
            return cls(prod(len(values) for values in matrix.values()), matrix=matrix)
        items: Sequence[Any] | None = array.items
        if array.items_from is not None:
            items = read_items(found or "", array.items_from.limit)
        if items is not None:
            return cls(len(items), items=tuple(_item(item) for item in items))
        return cls(array.count or 0)

    @property
    def is_compact(self) -> bool:
        """Whether all values can be told in a few words; else each task's have to be."""
        if self.items is not None:
            return False
        return sum(len(v) for vs in (self.matrix or {}).values() for v in vs) <= 1000

    @property
    def keys(self) -> tuple[str, ...]:
        """Names of the values besides the index."""
        if self.matrix is not None:
            return tuple(self.matrix)
        return tuple(dict.fromkeys(key for item in self.items or () for key in item))

    def __getitem__(self, index: int) -> Mapping[str, str]:
        """The values of one task, without its index."""
        if self.items is not None:
            return self.items[index]
        values: dict[str, str] = {}
        for key, choices in reversed(tuple((self.matrix or {}).items())):
            index, position = divmod(index, len(choices))
            values[key] = choices[position]
        return values


def scalar(value: Any) -> str:
    """A string, number or boolean as a task sees it; ItemsError for anything else."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        text = str(value)
        if "\n" in text or "\0" in text:
            raise ItemsError(f"{text[:40]!r} has more than one line")
        return text
    raise ItemsError(f"{json.dumps(value, default=str)[:60]} is no string, number or boolean")


def _item(item: Any) -> Mapping[str, str]:
    if isinstance(item, Mapping):
        return {str(key): scalar(value) for key, value in item.items()}
    return {"item": scalar(item)}


def read_items(text: str, limit: int) -> Sequence[Any]:
    """The list in an output of a step; `ItemsError` for what is none, or too long a one."""
    try:
        items = json.loads(text)
    except (ValueError, RecursionError):
        items = None
    if not isinstance(items, list):
        raise ItemsError(f"{text[:60]!r} is no JSON list")
    if len(items) > limit:
        raise ItemsError(f"{len(items)} items are more than itemsFrom.limit of {limit}")
    return items
