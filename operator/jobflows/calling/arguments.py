"""Arguments of a function as words of a command, `rate=0.1 region=north`, and back.

The annotation of a parameter says how: `str` and `Path` are written as they are, everything else
as JSON in one line. The SDK writes words when tasks are defined, `jobflow call` reads them where
they run, and what comes in equals what was given.
"""

from __future__ import annotations

import inspect
import json
import operator
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_origin

from jobflows.calling.refusal import Refused

_COLLECTIONS = (tuple, set, frozenset)
"""What JSON has no word for: written as a list, made of one again."""

_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


@dataclass(frozen=True, slots=True)
class Argument:
    """A parameter of a function that is given by name. `default` is None without one, too."""

    name: str
    annotation: Any
    required: bool
    default: Any = None

    def to_text(self, value: Any) -> str:
        """The value as it stands in a command; raises `ValueError` for one of another type."""
        kind, value = self.annotation, _plain(value)
        try:
            if kind is str:
                return _text(value)
            if kind is Path:
                return _text(os.fspath(value))
            if kind is bool and not isinstance(value, bool):
                raise TypeError
            if kind is int:
                value = _whole(value)
            elif kind is float:
                value = _number(value)
            elif isinstance(value, set | frozenset):
                value = sorted(value)
            return json.dumps(value, ensure_ascii=False, default=_listed)
        except (TypeError, ValueError):
            raise ValueError(f"{self.name} must be {self.kind}, not {value!r}") from None

    def from_text(self, text: str) -> Any:
        """The inverse of `to_text`; raises `Refused` for what it cannot have written."""
        kind = self.annotation
        if kind is str:
            return text
        if kind is Path:
            return Path(text)
        try:
            value = json.loads(text)
            if kind is bool and not isinstance(value, bool):
                raise TypeError
            if kind is int:
                return _whole(value)
            if kind is float:
                return _number(value)
        except (TypeError, ValueError):
            raise Refused(f"{self.name}={text}: must be {self.kind}, as JSON") from None
        origin = get_origin(kind) or kind
        return origin(value) if origin in _COLLECTIONS else value

    @property
    def kind(self) -> str:
        """The annotation in words."""
        return str(getattr(self.annotation, "__name__", self.annotation))


def arguments_of(function: Callable[..., Any]) -> dict[str, Argument]:
    """The arguments of a function by name; raises `Refused` for one that words cannot call."""
    name = getattr(function, "__qualname__", repr(function))
    try:
        named = inspect.signature(function, eval_str=True).parameters.values()
    except NameError as error:
        raise Refused(
            f"{name}: an annotation cannot be read: {error}; import it where the function is "
            "defined, also outside of `if TYPE_CHECKING`"
        ) from None
    found = {}
    for parameter in named:
        if parameter.kind not in _NAMED:
            raise Refused(f"{name}: {parameter} cannot be given by name; name each argument")
        if parameter.annotation is parameter.empty:
            raise Refused(f"{name}: annotate {parameter.name}, such as {parameter.name}: float")
        required = parameter.default is parameter.empty
        found[parameter.name] = Argument(
            parameter.name,
            parameter.annotation,
            required,
            None if required else parameter.default,
        )
    return found


def read_arguments(function: Callable[..., Any], words: Sequence[str]) -> dict[str, Any]:
    """The values of `NAME=VALUE` words by name; raises `Refused`."""
    known = arguments_of(function)
    has = f"it has {', '.join(known)}" if known else "it has none"
    given: dict[str, Any] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals:
            raise Refused(f"{word}: give arguments as NAME=VALUE")
        if name not in known:
            raise Refused(f"the function has no argument '{name}', {has}")
        if name in given:
            raise Refused(f"argument '{name}' is given twice")
        given[name] = known[name].from_text(text)
    missing = [name for name, each in known.items() if each.required and name not in given]
    if missing:
        raise Refused(f"argument '{missing[0]}' is missing; give {missing[0]}=VALUE")
    return given


def _plain(value: Any) -> Any:
    """A number of numpy and its kin as Python's own."""
    item = getattr(value, "item", None)
    return item() if callable(item) and getattr(value, "ndim", 0) == 0 else value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _whole(value: Any) -> int:
    if isinstance(value, bool):
        raise TypeError
    return operator.index(value)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError
    return float(value)


def _listed(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError
