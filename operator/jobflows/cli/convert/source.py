"""A document that notices what nobody has taken, and the notes about it.

A converter takes field after field. At the end `left_over` reports every field that nobody took:
so a field that a converter has never heard of is never dropped in silence.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from jobflows.api.validation import Path


class ConversionError(Exception):
    """Something that makes the whole document useless to convert; the message says what."""

    def __init__(self, path: Path, message: str) -> None:
        super().__init__(message)
        self.path = path


@dataclass(frozen=True, slots=True)
class Note:
    """Something that a flow does not have, or has in another way. `lost` is for the former."""

    path: Path
    message: str
    lost: bool


@dataclass(slots=True)
class Notes:
    """What is to be said about one document; the same is said once."""

    found: list[Note] = field(default_factory=list)

    def lost(self, path: Path, why: str) -> None:
        """Not carried over."""
        self._add(Note(path, why, True))

    def changed(self, path: Path, how: str) -> None:
        """Carried over, but not to the letter."""
        self._add(Note(path, how, False))

    def _add(self, note: Note) -> None:
        if note not in self.found:
            self.found.append(note)


_KINDS: dict[str, type] = {"mappings": dict, "strings": str, "lists": list}

NOTHING_LIKE_IT = "JobFlow has nothing like it"


class Part:
    """A mapping of the document."""

    def __init__(self, value: Any, path: Path, notes: Notes) -> None:
        if not isinstance(value, Mapping):
            raise ConversionError(path, "must be a mapping")
        self.value: Mapping[str, Any] = value
        self.path = path
        self.notes = notes
        self._taken: set[str] = set()
        self._parts: list[Part] = []

    def __contains__(self, key: str) -> bool:
        return self.value.get(key) is not None

    def at(self, key: str) -> Path:
        """The path of a field."""
        return (*self.path, key)

    def take(self, *keys: str) -> Any:
        """The first of these fields that is there; all of them count as taken."""
        self._taken.update(keys)
        return next((self.value[key] for key in keys if key in self), None)

    def text(self, key: str) -> str:
        """A string; empty when it is missing."""
        value = self.take(key)
        if value is not None and not isinstance(value, str):
            raise ConversionError(self.at(key), "must be a string")
        return value or ""

    def mapping(self, key: str) -> dict[str, Any]:
        """A mapping that is taken as a whole; empty when it is missing."""
        value = self.take(key)
        if value is not None and not isinstance(value, Mapping):
            raise ConversionError(self.at(key), "must be a mapping")
        return dict(value or {})

    def listing(self, key: str, of: str = "mappings") -> list[Any]:
        """A list that is taken as a whole, of mappings, strings or lists."""
        value = self.take(key)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(each, _KINDS[of]) for each in value):
            raise ConversionError(self.at(key), f"must be a list of {of}")
        return list(value)

    def number(self, key: str) -> int | None:
        """A whole number that is not negative; None when it is missing."""
        value = self.take(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise ConversionError(self.at(key), "must be a whole number")
        return value

    def part(self, key: str) -> Part | None:
        """A mapping in this one."""
        value = self.take(key)
        return None if value is None else self._inside(value, self.at(key))

    def parts(self, key: str) -> list[Part]:
        """The mappings of a list."""
        value = self.take(key)
        if value is None:
            return []
        if not isinstance(value, list):
            raise ConversionError(self.at(key), "must be a list")
        return [self._inside(one, (*self.at(key), i)) for i, one in enumerate(value)]

    def lose(self, key: str, why: str = NOTHING_LIKE_IT) -> None:
        """A field that cannot be carried over, if it is there."""
        if self.take(key) not in (None, {}, [], "", False):
            self.notes.lost(self.at(key), why)

    @property
    def is_touched(self) -> bool:
        """Whether anything but its name was taken."""
        return bool(self._taken - {"name"})

    def ignore(self) -> None:
        """Take all of it."""
        self._taken.update(self.value)

    def left_over(self) -> None:
        """Report all that nobody took, here and below."""
        for key, value in self.value.items():
            if key not in self._taken and value not in (None, {}, [], ""):
                self.notes.lost(self.at(key), NOTHING_LIKE_IT)
        for part in self._parts:
            part.left_over()

    def inside(self, value: Any, path: Path) -> Part:
        """Another mapping that belongs to this one, for `left_over`."""
        return self._inside(value, path)

    def _inside(self, value: Any, path: Path) -> Part:
        known = next((part for part in self._parts if part.path == path), None)
        if known is not None:
            return known
        made = Part(value, path, self.notes)
        self._parts.append(made)
        return made


def strings(tree: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """All strings of a tree, with their paths."""
    match tree:
        case str():
            yield path, tree
        case Mapping():
            for key, value in tree.items():
                yield from strings(value, (*path, key))
        case list() | tuple():
            for i, value in enumerate(tree):
                yield from strings(value, (*path, i))


def unique(name: str, taken: Iterable[str]) -> str:
    """A name that is not taken yet."""
    taken = set(taken)
    number, made = 2, name
    while made in taken:
        made, number = f"{name[:58]}-{number}", number + 1
    return made


def label(name: str) -> str:
    """A name as JobFlow wants it: lower-case letters, digits and dashes, at most 63."""
    made = "".join(c if c.isascii() and c.isalnum() else "-" for c in name.lower())
    return made.strip("-")[:63].strip("-") or "x"
