"""Reads YAML the way kubectl does, and remembers where everything stood.

PyYAML and Kubernetes disagree on plain words: PyYAML reads `12:30` as 750 and `2026-01-31` as a
date, Kubernetes reads both as strings; Kubernetes reads `y` as true and `1e3` as a number. A linter
that reads another document than the API server is worthless, so the rules here are those of
go-yaml v2, which kubectl uses: `yes/no/on/off/y/n` are booleans, keys are made strings, merge keys
(`<<`) work. A key that occurs twice is a problem here, although kubectl silently takes the last.

Called by `jobflow lint` and by everything else that takes a file from a person. The text comes in
as an argument; reading files is the caller's business.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, NamedTuple

import yaml

try:
    from yaml import CSafeLoader as _Loader
except ImportError:  # PyYAML was built without libyaml; ten times slower, the same result
    from yaml import SafeLoader as _Loader  # type: ignore[assignment]

from jobflows.api.validation.problems import Path, Problem

FEW_NODES = 100_000
MOST_NODES_A_CHARACTER = 10
"""Aliases of aliases grow without bound ("billion laughs"). A flow whose steps share a template by
an alias says some 50 characters a step."""

MOST_LEVELS = 100

TOO_MUCH = "the document is too large or too deep"


class Mark(NamedTuple):
    """A place in a text; both numbers count from 1."""

    line: int
    column: int


class SourceError(ValueError):
    """The text is not YAML."""

    def __init__(self, message: str, mark: Mark) -> None:
        super().__init__(message)
        self.mark = mark


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML document: its value, its own problems, and the way back to the text."""

    value: Any
    problems: list[Problem]
    """Keys that occur twice."""
    _node: Any = field(repr=False)

    def locate(self, path: Path) -> Mark:
        """Return where `path` is in the text; of what is missing, the place it would be in."""
        mark, node = _mark(self._node), self._node
        for part in path:
            found = _child(node, part)
            if found is None:
                break
            mark, node = found
        return mark


def load(text: str) -> list[Document]:
    """Return the documents of a YAML text, without the empty ones; SourceError has the place."""
    documents = []
    loader = None
    try:
        _refuse_depth(text)
        loader = _KubernetesLoader(text)
        while loader.check_node():
            node = loader.get_node()
            builder = _Builder(FEW_NODES + MOST_NODES_A_CHARACTER * len(text))
            value = builder.build(node, ())
            if value is not None:
                documents.append(Document(value, builder.problems, node))
    except yaml.MarkedYAMLError as error:
        place = error.problem_mark or error.context_mark
        mark = Mark(place.line + 1, place.column + 1) if place else Mark(1, 1)
        raise SourceError(str(error.problem or error.context), mark) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise SourceError(f"character {error.character!r} is not allowed", Mark(line, 1)) from None
    finally:
        if loader is not None:
            loader.dispose()
    return documents


def _refuse_depth(text: str) -> None:
    """PyYAML follows nesting by recursion, in C: what is deep enough ends the process."""
    loader = _KubernetesLoader(text)
    try:
        level = 0
        while (event := loader.get_event()) is not None:
            if isinstance(event, yaml.CollectionStartEvent):
                level += 1
                if level > MOST_LEVELS:
                    raise SourceError(TOO_MUCH, _mark(event))
            elif isinstance(event, yaml.CollectionEndEvent):
                level -= 1
    finally:
        loader.dispose()


class _KubernetesLoader(_Loader):
    """Resolves plain scalars by the rules of go-yaml v2."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - PyYAML's way to override


_TAG = "tag:yaml.org,2002:"
_TRUE = frozenset(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"))
_FALSE = frozenset(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"))
_NULL = frozenset(("~", "null", "Null", "NULL", ""))
_BOOL = "|".join(sorted(_TRUE | _FALSE))
_INTEGER = r"[-+]?(?:0b[01_]+|0o?[0-7_]+|0x[0-9a-fA-F_]+|[1-9][0-9_]*|0)"
_LONGEST_INTEGER = 66  # 64 bits in base 2
_FLOAT = r"[-+]?(?:\.[0-9][0-9_]*|[0-9][0-9_]*(?:\.[0-9_]*)?)(?:[eE][-+]?[0-9]+)?"

for _name, _pattern, _first in (
    ("bool", _BOOL, "yYnNtTfFoO"),
    ("null", "|".join(sorted(_NULL)), ["~", "n", "N", ""]),
    ("int", _INTEGER, "-+0123456789"),
    ("float", _FLOAT, "-+.0123456789"),
    ("merge", "<<", "<"),
):
    _KubernetesLoader.add_implicit_resolver(
        _TAG + _name, re.compile(rf"^(?:{_pattern})$"), list(_first)
    )


class _Builder:
    def __init__(self, nodes: int) -> None:
        self.problems: list[Problem] = []
        self._nodes_left = nodes
        self._level = 0

    def build(self, node: Any, path: Path) -> Any:
        self._nodes_left -= 1
        if isinstance(node, yaml.ScalarNode):
            return _scalar(node)
        self._level += 1  # not the length of the path: a merge goes deeper on the spot
        if self._nodes_left < 0 or self._level > MOST_LEVELS:
            raise SourceError(TOO_MUCH, _mark(node))
        try:
            if isinstance(node, yaml.SequenceNode):
                return [self.build(item, (*path, index)) for index, item in enumerate(node.value)]
            return self._mapping(node, path)
        finally:
            self._level -= 1

    def _mapping(self, node: Any, path: Path) -> dict[str, Any]:
        own: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if key_node.tag == f"{_TAG}merge":
                for source in _merge_sources(value_node):
                    for key, value in self.build(source, path).items():
                        merged.setdefault(key, value)
                continue
            key = _key(key_node)
            if key in own:
                self.problems.append(
                    Problem(
                        (*path, key),
                        f"'{key}' occurs twice, again in line {_mark(key_node).line}",
                        "Remove one of them",
                    )
                )
            own[key] = self.build(value_node, (*path, key))
        return {**merged, **own}


def _merge_sources(node: Any) -> Iterator[Any]:
    for source in node.value if isinstance(node, yaml.SequenceNode) else [node]:
        if not isinstance(source, yaml.MappingNode):
            raise SourceError("<< needs a mapping", _mark(source))
        yield source


def _child(node: Any, part: str | int) -> tuple[Mark, Any] | None:
    """Return the place and the node of a key or an item."""
    if isinstance(node, yaml.SequenceNode):
        if not isinstance(part, int) or part >= len(node.value):
            return None
        return _mark(node.value[part]), node.value[part]
    if not isinstance(node, yaml.MappingNode):
        return None
    merged: list[Any] = []
    for key_node, value_node in node.value:
        if key_node.tag == f"{_TAG}merge":
            merged.extend(_merge_sources(value_node))
        elif _key(key_node) == part:
            return _mark(key_node), value_node
    return next((found for source in merged if (found := _child(source, part))), None)


def _key(node: Any) -> str:
    if not isinstance(node, yaml.ScalarNode):
        raise SourceError("a key must be a plain value", _mark(node))
    value = _scalar(node)
    if isinstance(value, bool):
        return str(value).lower()
    return "null" if value is None else str(value)


def _scalar(node: Any) -> Any:
    """The value of a scalar; a tag that does not fit, and a number that does not, leave its text.

    So does go-yaml, with numbers.
    """
    text: str = node.value
    match node.tag.removeprefix(_TAG):
        case "bool" if text in _TRUE or text in _FALSE:
            return text in _TRUE
        case "null" if text in _NULL:
            return None
        case "int" | "float" as kind:
            try:
                return _integer(text) if kind == "int" else _float(text)
            except ValueError:
                return text
        case _:
            return text


def _integer(text: str) -> int | float:
    digits = text.replace("_", "")
    sign = -1 if digits.startswith("-") else 1
    digits = digits.lstrip("+-")
    if len(digits) > 1 and digits[0] == "0" and digits[1].isdigit():
        return sign * int(digits, 8)  # 0755, as YAML 1.1 and go-yaml have it
    if len(digits) > _LONGEST_INTEGER:
        return _float(text)
    return sign * int(digits, 0)


def _float(text: str) -> int | float:
    number = float(text.replace("_", ""))
    if not isfinite(number):
        raise ValueError(text)
    # kubectl sends JSON, where 8.0 is written 8 and is a whole number again.
    return int(number) if number.is_integer() and abs(number) < 2**63 else number


def _mark(node: Any) -> Mark:
    return Mark(node.start_mark.line + 1, node.start_mark.column + 1)
