"""Generated documents: flows with something wrong anywhere in them, and JSON of no sense at all.

A flow that is nearly right gets further than one that is not: past the types into the policies, and
sometimes through all of them into the engine. So `nearly_flows` starts from good ones and drops,
doubles, retypes, swaps and stretches what is at a few random places.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from corpus import good_flows, odd_values, whole

Object = dict[str, Any]
Place = tuple[Any, Any]
"""A mapping or list, and a key or index in it."""

odd = st.sampled_from(odd_values())

texts = st.text(st.characters(codec="utf-8"), max_size=12)

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
    | odd,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)

_CHANGES = ("drop", "double", "odd", "odd", "odd", "swap", "swap", "rename", "wrap")


class Changed(dict[str, Any]):
    """A flow that prints as what was changed in it, not as all that was not."""

    def __init__(self, good: Object) -> None:
        super().__init__(copy.deepcopy(good))
        self.changes: list[str] = []

    def __repr__(self) -> str:
        return f"{self.get('metadata')!r:.60} with {'; '.join(self.changes)}"


@st.composite
def nearly_flows(draw: st.DrawFn) -> Changed:
    """A good flow with one to three changes; half of the time the one that has all fields."""
    good = whole() if draw(st.booleans()) else draw(st.sampled_from(good_flows()))
    document = Changed(good)
    for _ in range(draw(st.integers(1, 3))):
        change(draw, document, ("spec", "metadata"))
    return document


documents = st.one_of(nearly_flows(), nearly_flows(), nearly_flows(), json_values)


def places(document: Object, parts: Sequence[str]) -> list[Place]:
    """All places inside of these parts."""
    found: list[Place] = []
    waiting: list[Any] = [document[part] for part in parts]
    while waiting:
        here = waiting.pop()
        for key in here if isinstance(here, dict) else range(len(here)):
            found.append((here, key))
            if isinstance(here[key], dict | list):
                waiting.append(here[key])
    return found


def change(draw: st.DrawFn, document: Changed, parts: Sequence[str]) -> None:
    """Change one place inside of these parts."""
    known = places(document, parts)
    if not known:
        return
    here, key = known[draw(st.integers(0, len(known) - 1))]
    before, kind = f"{here!r:.200}", draw(st.sampled_from(_CHANGES))
    match kind:
        case "drop":
            del here[key]
        case "double" if isinstance(here, list):
            here.insert(key, copy.deepcopy(here[key]))
        case "odd":
            here[key] = copy.deepcopy(draw(odd | json_values))
        case "swap":
            there, other = known[draw(st.integers(0, len(known) - 1))]
            here[key] = copy.deepcopy(there[other])
        case "rename" if isinstance(here, dict):
            here[draw(texts)] = here.pop(key)
        case "wrap":
            here[key] = draw(st.sampled_from([[here[key]], {"value": here[key]}]))
    after = f" now {here[key]!r:.200}" if isinstance(here, dict) and key in here else ""
    document.changes.append(f"{kind} {key!r} of {before}{after}")
