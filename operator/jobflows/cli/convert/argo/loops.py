"""`withItems`, `withParam` and `withSequence`: an array, or a step for each item."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jobflows.cli.convert.argo.values import Ref, Scope, Value, parse, plain, read, task
from jobflows.cli.convert.source import Part, strings

MOST_STEPS = 500
"""Items that become a step each, where they cannot be an array."""

_WHOLE_ITEM = re.compile(r"\{\{\s*item\s*\}\}")
_KEY = re.compile(r"[^A-Za-z0-9_]")


@dataclass(frozen=True, slots=True)
class Loop:
    """What a task is repeated for: items that are known now, or the list that a step puts out."""

    items: tuple[Any, ...] = ()
    source: str = ""
    whole: bool = False
    """Whether a mapping is also used as a whole."""

    @property
    def has_keys(self) -> bool:
        return any(isinstance(item, Mapping) for item in self.items)

    def array(self) -> dict[str, Any] | None:
        """As an array; None when the items cannot be told apart by short words."""
        if self.source:
            return {"itemsFrom": {"jsonPath": self.source}}
        flat = (
            [self._flat(item) for item in self.items]
            if self.has_keys
            else [plain(i) for i in self.items]
        )
        texts = [t for item in flat for t in (item.values() if isinstance(item, dict) else [item])]
        if any("\n" in text or "{{" in text for text in texts):
            return None
        return {"items": flat}

    def _flat(self, item: Any) -> dict[str, str]:
        keys = {key: None for each in self.items if isinstance(each, Mapping) for key in each}
        given = item if isinstance(item, Mapping) else {}
        made = {task_key(key): plain(given.get(key, "")) for key in keys}
        return made | ({"item": plain(item)} if self.whole else {})

    def in_array(self, name: str) -> Value | None:
        """`item` or `item.x` inside of an array."""
        if name == "item":
            return task("item")
        return task(task_key(name.removeprefix("item.")))


def task_key(key: str) -> str:
    """A name that a shell takes for a variable."""
    made = _KEY.sub("_", str(key))
    return made if made[:1].isalpha() else f"x{made}"


def in_step(item: Any, name: str) -> Value | None:
    """`item` or `item.x` where the item is known."""
    if name == "item":
        return Value.of(plain(item))
    key = name.removeprefix("item.")
    return Value.of(plain(item[key])) if isinstance(item, Mapping) and key in item else None


def read_loop(part: Part, scope: Scope, parameters: Mapping[str, str]) -> Loop | str | None:
    """The loop of a task; None without one; why it cannot be kept."""
    whole = any(_WHOLE_ITEM.search(text) for _, text in strings(part.value.get("arguments")))
    if "withItems" in part:
        items = part.take("withItems")
        if not isinstance(items, list):
            return "withItems is no list"
        return Loop(tuple(_known(item, scope) for item in items), whole=whole)
    if "withSequence" in part:
        return _sequence(part)
    if "withParam" not in part:
        return None
    value = parse(part.text("withParam"), scope, part.at("withParam"), part.notes)
    found = value.literal
    if found is None and len(value.pieces) == 1:
        ref = value.pieces[0]
        assert isinstance(ref, Ref)
        if ref.source is not None:
            return Loop(source=ref.source[1], whole=whole)
        found = parameters.get(ref.cel.removeprefix("parameters."))
        words = "the list is that of the parameter's value now; a run cannot change it"
        part.notes.changed(part.at("withParam"), words)
    try:
        items = json.loads(found or "")
    except ValueError:
        items = None
    return (
        Loop(tuple(items), whole=whole) if isinstance(items, list) else "the list is not known now"
    )


def _known(item: Any, scope: Scope) -> Any:
    """An item with the values that are known now put in; another is found out where it is used."""
    if isinstance(item, str) and "{{" in item:
        made = read(item, scope)
        if isinstance(made, Value) and made.literal is not None:
            return made.literal
    return item


def _sequence(part: Part) -> Loop | str:
    given = part.part("withSequence")
    assert given is not None
    numbers = {key: given.take(key) for key in ("count", "start", "end")}
    form = given.text("format") or "%d"
    try:
        known = {key: int(value) for key, value in numbers.items() if value is not None}
        start = known.get("start", 0)
        if "count" in known:
            numbers_made: Sequence[int] = range(start, start + known["count"])
        else:
            end = known["end"]
            numbers_made = range(start, end + 1) if end >= start else range(start, end - 1, -1)
        return Loop(tuple(form % number for number in numbers_made))
    except (ValueError, TypeError, KeyError):
        return "its numbers are not known now"
