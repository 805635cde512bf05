"""Map steps: a function over many items, and the command that runs it.

The user names the function and the items; image, resources and volumes are the template's. The
command of its main container is written here, `jobflow map …`, the same for a pod and for a process
of this machine. Items that the flow knows (written, or found by an earlier step) can be cut into
blocks, and then the step is an array with one task a block: each task finds its own block in the
variable `JOBFLOW_ITEMS`. Items that lie in the pod are counted by nobody before it runs, so they
are one task.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from jobflows.api.array import MAX_ITEMS, ItemsFrom
from jobflows.api.base import Count, Factor, Model, Opaque
from jobflows.api.containers import main_container

FUNCTION_PATTERN = r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$"

ITEMS_VARIABLE = "JOBFLOW_ITEMS"
"""Variable with the items of a task in JSON: `{"first": 20, "items": […]}`, where `first` is the
place of the first one among all."""

ITEMS_KEY = "items"
"""Value of a task that holds its items; the variable is filled from it."""

TASK_INDEX = "{{ task.index }}"

LONGEST_BLOCK = 100_000
"""Bytes that the items of one task may take as JSON: Linux takes 128 KiB in one variable."""

ErrorMode = Literal["return", "raise"]

Moment = Annotated[Factor, Field(ge=0.001, le=86_400)]


class _FieldError(ValueError):
    def __init__(self, message: str, cure: str) -> None:
        super().__init__(message)
        self.cure = cure


def _items(value: object) -> object:
    cure = "Write a list, or the path of a file in the pod such as /data/items.jsonl"
    if isinstance(value, str):
        if not value.strip():
            raise _FieldError("is empty", cure)
        return value
    if not isinstance(value, list | tuple):
        raise _FieldError("must be a list or a path", cure)
    if len(value) > MAX_ITEMS:
        cure = "Put them into a file on a volume and give its path"
        raise _FieldError(f"has more than {MAX_ITEMS} items", cure)
    return tuple(value)


def _auto_or_number(value: object) -> object:
    whole = isinstance(value, int) and not isinstance(value, bool) and 1 <= value < 2**31
    if value == "auto" or whole:
        return value
    raise _FieldError(f"must be auto or a whole number of at least 1, not {value!r}", "Write auto")


_INT_OR_AUTO = WithJsonSchema({"x-kubernetes-int-or-string": True})


class Map(Model):
    """Calls a function for each item, on all cores that the pod may use.

    That exactly one of `items` and `itemsFrom` is given is for the validator to see.
    """

    function: Annotated[str, Field(min_length=3, max_length=512)]
    """`package.module:function`, importable in the pod; it is called with one item."""

    items: (
        Annotated[
            Any,
            BeforeValidator(_items),
            WithJsonSchema({"x-kubernetes-preserve-unknown-fields": True}),
        ]
        | None
    ) = None
    """A list of items of any type, or a path in the pod: a .jsonl or .csv file, or a glob of files."""  # noqa: E501 - one sentence of kubectl explain

    items_from: ItemsFrom | None = None
    """Items from an output of a step that this one depends on."""

    items_per_task: Annotated[Any, BeforeValidator(_auto_or_number), _INT_OR_AUTO] = "auto"
    """Items of one task; several tasks run as an array. `auto`: as many as keep a pod busy for minutes, by what earlier runs of the function measured."""  # noqa: E501 - one sentence of kubectl explain

    parallelism: Count | None = None
    """Most tasks of this step running at once; may be changed while it runs, 0 pauses. Absent: no limit."""  # noqa: E501 - one sentence of kubectl explain

    workers: Annotated[Any, BeforeValidator(_auto_or_number), _INT_OR_AUTO] = "auto"
    """Processes or threads in a pod. `auto`: as many as its cores and its memory are good for."""

    target_chunk_seconds: Moment | None = None
    """Seconds of work that a worker takes at a time. Absent: as little as costs next to nothing."""

    out: Annotated[str, Field(min_length=1, max_length=4096)] | None = None
    """File in the pod for the results, one JSON line an item; `{{ task.index }}` keeps those of several tasks apart. Absent: results are not kept."""  # noqa: E501 - one sentence of kubectl explain

    checkpoint: Annotated[str, Field(min_length=1, max_length=4096)] | None = None
    """Directory in the pod, on a volume, where results are logged, so that a new attempt skips what is done. Several tasks use a directory in it each."""  # noqa: E501 - one sentence of kubectl explain

    errors: ErrorMode = "raise"
    """raise: the first item that fails fails the attempt. return: the others go on, and failures are counted and named."""  # noqa: E501 - one sentence of kubectl explain

    timeout_seconds: Moment | None = None
    """Seconds that one item may take."""

    @property
    def is_cut(self) -> bool:
        """Whether the flow knows the items, and so runs them as tasks of an array."""
        return self.items_from is not None or not isinstance(self.items, str)

    @property
    def written(self) -> Sequence[Any] | None:
        """The items that the flow holds; None when they come from elsewhere."""
        return self.items if isinstance(self.items, tuple) else None

    def command(self) -> list[str]:
        """The command of the main container."""
        words = ["jobflow", "map", self.function, "--items"]
        words.append(f"env:{ITEMS_VARIABLE}" if self.is_cut else str(self.items))
        checkpoint = self.checkpoint
        if checkpoint is not None and self.is_cut and TASK_INDEX not in checkpoint:
            checkpoint = f"{checkpoint.rstrip('/')}/{TASK_INDEX}"
        for name, value in (
            ("--out", self.out or "/dev/null"),
            ("--checkpoint", checkpoint),
            ("--workers", None if self.workers == "auto" else self.workers),
            ("--target-chunk-seconds", self.target_chunk_seconds),
            ("--errors", self.errors),
            ("--timeout", self.timeout_seconds),
        ):
            if value is not None:
                words += [name, str(value)]
        return [*words, "--accept-failures"] if self.errors == "return" else words


def with_command(template: Opaque, mapping: Map) -> Opaque:
    """The template with the map's command in its main container; the rest is shared, not copied."""
    main = main_container(template)
    added: dict[str, Any] = {"command": mapping.command()}
    if mapping.is_cut:
        own = {"name": ITEMS_VARIABLE, "value": f"{{{{ task.{ITEMS_KEY} }}}}"}
        added["env"] = [own, *(main.get("env") or ())]
    spec = template["spec"]
    pod = spec["template"]["spec"]
    containers = [{**c, **added} if c is main else c for c in pod["containers"]]
    return {
        **template,
        "spec": {
            **spec,
            "template": {**spec["template"], "spec": {**pod, "containers": containers}},
        },
    }


@dataclass(frozen=True)
class Blocks(Sequence[Mapping[str, str]]):
    """The values of the tasks of a map: each has `size` items, the last one what is left."""

    every: Sequence[Any]
    size: int

    def __len__(self) -> int:
        return (len(self.every) + self.size - 1) // self.size

    def __getitem__(self, index: Any) -> Any:
        if not 0 <= index < len(self):
            raise IndexError(index)
        first = index * self.size
        block = {"first": first, "items": list(self.every[first : first + self.size])}
        return {ITEMS_KEY: as_text(block)}


def as_text(value: Any) -> str:
    """An item, or a list of them, as a task gets it: JSON of one line, in plain letters."""
    return json.dumps(value, separators=(",", ":"))


def longest_item(items: Sequence[Any]) -> int:
    """The bytes of the longest item, with the comma behind it."""
    return max((len(as_text(item)) + 1 for item in items), default=0)
