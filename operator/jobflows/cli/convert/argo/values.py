"""What stands between `{{` and `}}` in Argo, as JobFlow says it.

A string becomes pieces: text, and references that can be written both into a template and into a
`when`. References to what steps put out need an input on the step that uses them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jobflows.api.validation import Path
from jobflows.cli.convert.source import Notes

_BRACES = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Ref:
    """A value that is known later: `text` in a template, `cel` in a `when`.

    `source` is the `step:$.path` of an input that a step needs to use it, by the input's name.
    """

    text: str
    cel: str = ""
    source: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Value:
    """A string of JobFlow, in pieces."""

    pieces: tuple[str | Ref, ...]

    @classmethod
    def of(cls, text: str) -> Value:
        """Plain text."""
        return cls((text,) if text else ())

    @property
    def text(self) -> str:
        """As it stands in a template."""
        return "".join(p if isinstance(p, str) else p.text for p in self.pieces)

    @property
    def sources(self) -> Iterator[tuple[str, str]]:
        """The inputs that a step needs, by name."""
        return (p.source for p in self.pieces if isinstance(p, Ref) and p.source)

    @property
    def literal(self) -> str | None:
        """The text, if all of it is known now."""
        return None if any(isinstance(p, Ref) for p in self.pieces) else self.text

    @property
    def cel(self) -> str | None:
        """As a string expression of CEL; None when a piece cannot be read there."""
        parts = [
            json.dumps(p, ensure_ascii=False) if isinstance(p, str) else p.cel for p in self.pieces
        ]
        return " + ".join(parts or ['""']) if all(parts) or not parts else None


Scope = Callable[[str], Value | None]
"""Says what a name between braces is; None for what JobFlow does not know."""


def parameter(name: str) -> Value:
    """A parameter of the flow."""
    return Value((Ref(f"{{{{ parameters.{name} }}}}", f"parameters.{name}"),))


def argument(name: str) -> Value:
    """An argument of a template."""
    return Value((Ref(f"{{{{ arguments.{name} }}}}"),))


def output(step: str, name: str) -> Value:
    """An output of a step."""
    held = f"{step}-{name}"[:63].strip("-_")
    source = (held, f"{step}:$.outputs.{name}")
    return Value((Ref(f"{{{{ parameters.{held} }}}}", f"steps.{step}.outputs.{name}", source),))


def phase(step: str) -> Value:
    """How a step ended."""
    held = f"{step}_phase"[:63].strip("-_")
    source = (held, f"{step}:$.phase")
    return Value((Ref(f"{{{{ parameters.{held} }}}}", f"steps.{step}.phase", source),))


def task(key: str) -> Value:
    """A value of a task of an array."""
    return Value((Ref(f"{{{{ task.{key} }}}}"),))


def flow(field: str) -> Value:
    """A fact about the flow: its name, or for exit handlers how it ended."""
    return Value((Ref(f"{{{{ flow.{field} }}}}", f"flow.{field}"),))


def read(text: str, scope: Scope) -> Value | str:
    """Read a string of Argo; or the first thing in it that `scope` does not know."""
    pieces: list[str | Ref] = []
    end = 0
    for match in _BRACES.finditer(text):
        found = scope(match[1].strip())
        if found is None:
            return match[0]
        pieces += [text[end : match.start()], *found.pieces]
        end = match.end()
    return Value(tuple(p for p in (*pieces, text[end:]) if p != ""))


def parse(text: str, scope: Scope, path: Path, notes: Notes) -> Value:
    """Read a string of Argo. What `scope` does not know stays as it is, and is noted."""

    def lenient(name: str) -> Value:
        found = scope(name)
        if found is None:
            braces = f"{{{{{name}}}}}"
            notes.lost(path, f"{braces} has no counterpart, and is left as it stands")
            return Value.of(braces)
        return found

    found = read(text, lenient)
    assert isinstance(found, Value)
    return found


def translate(tree: Any, scope: Scope, path: Path, notes: Notes) -> Any:
    """A tree of Kubernetes with the strings in it as JobFlow says them."""
    match tree:
        case str():
            return parse(tree, scope, path, notes).text if "{{" in tree else tree
        case Mapping():
            return {key: translate(v, scope, (*path, key), notes) for key, v in tree.items()}
        case list():
            return [translate(v, scope, (*path, i), notes) for i, v in enumerate(tree)]
        case _:
            return tree


def plain(value: Any) -> str:
    """A parameter's value, which YAML may have made a number or a boolean, as Argo sees it."""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)
