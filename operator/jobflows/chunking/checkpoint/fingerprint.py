"""Whether a function and its items are the same as the last time, in another process.

Of a function count its code, constants, defaults and closure; of what it refers to by global names
count functions and classes of its own package in the same way, and plain values. Other modules
count by name: a new version of a library does not make results void. Line numbers, comments and
file names do not count. Nothing depends on the hash seed of the process.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import sys
from collections.abc import Callable, Iterable
from enum import Enum
from types import (
    BuiltinFunctionType,
    CodeType,
    FunctionType,
    MethodType,
    ModuleType,
)
from typing import Any

from jobflows.chunking.checkpoint.errors import FingerprintError

_PLAIN = (bool, int, float, complex, str, bytes, type(None), type(...))
_SIZE = 16


def function_key(function: Callable[..., Any]) -> dict[str, str]:
    """Parts of the key of a result log: the function's name, its code, its values, the Python.

    Raises `FingerprintError` for a value that cannot be told from others, such as a lock.
    """
    seen = _Fingerprint()
    seen.add(function)
    return {
        "function": _name(function),
        "code": seen.code(),
        "values": seen.values(),
        "Python": f"{sys.version_info.major}.{sys.version_info.minor}",
    }


def items_fingerprint(items: Iterable[Any]) -> str:
    """A checksum of all items in their order; reads them once."""
    seen = _Fingerprint()
    for item in items:
        seen.add(item)
    return seen.values()


class _Fingerprint:
    """Two checksums, so that a message can tell what differs: one of code, one of values."""

    def __init__(self) -> None:
        self._code = hashlib.blake2b(digest_size=_SIZE)
        self._values = hashlib.blake2b(digest_size=_SIZE)
        self._functions: set[int] = set()
        self._around: set[int] = set()

    def code(self) -> str:
        return f"#{self._code.hexdigest()}"

    def values(self) -> str:
        return f"#{self._values.hexdigest()}"

    def add(self, value: Any) -> None:
        """Take in any value; its type counts, so that 1, True and 1.0 differ."""
        if isinstance(value, _PLAIN) and not isinstance(value, Enum):
            self._put(type(value).__name__, repr(value))
            return
        if id(value) in self._around:
            self._put("around", "")  # it holds itself
            return
        self._around.add(id(value))
        try:
            self._add_more(value)
        finally:
            self._around.discard(id(value))

    def _add_more(self, value: Any) -> None:
        kind = type(value)
        if kind in (tuple, list):
            self._put(kind.__name__, str(len(value)))
            for each in value:
                self.add(each)
        elif kind in (set, frozenset):
            self._put(kind.__name__, " ".join(sorted(map(_alone, value))))
        elif kind is dict:
            self._put("dict", " ".join(sorted(map(_alone, value.items()))))
        elif kind in (bytearray, memoryview):
            self._put(kind.__name__, bytes(value).hex())
        elif isinstance(value, FunctionType):
            self._function(value)
        elif isinstance(value, MethodType):
            self._put("method", value.__name__)
            self.add(value.__func__)
            self.add(value.__self__)
        elif isinstance(value, functools.partial):
            self._put("partial", "")
            for part in (value.func, value.args, value.keywords):
                self.add(part)
        elif isinstance(value, type):
            self._class(value)
        elif isinstance(value, (BuiltinFunctionType, ModuleType)):
            self._put(kind.__name__, _name(value))
        elif isinstance(value, CodeType):
            self._values.update(_code_digest(value))
        else:
            self._object(value)

    def _put(self, tag: str, text: str) -> None:
        self._values.update(f"{tag} {len(text)} {text}\n".encode("utf-8", "surrogatepass"))

    def _function(self, function: FunctionType) -> None:
        self._put("function", _name(function))
        if id(function) in self._functions:
            return
        self._functions.add(id(function))
        self._code.update(_code_digest(function.__code__, function.__doc__))
        self.add(function.__defaults__)
        self.add(function.__kwdefaults__)
        for name, cell in zip(
            function.__code__.co_freevars, function.__closure__ or (), strict=True
        ):
            self._put("closure", name)
            try:
                value = cell.cell_contents
            except ValueError:  # not filled yet
                continue
            self._named(f"the value '{name}' that {_name(function)} closes over", value)
        package = _package(function)
        for name in sorted(_names(function.__code__)):
            value = function.__globals__.get(name)
            own = isinstance(value, (FunctionType, type)) and _package(value) == package
            plain = isinstance(value, _PLAIN) or (
                isinstance(value, (tuple, frozenset))
                and all(isinstance(each, _PLAIN) for each in value)
            )
            if name in function.__globals__ and (own or plain):
                self._put("global", name)
                self.add(value)

    def _class(self, cls: type) -> None:
        self._put("class", _name(cls))
        if id(cls) in self._functions or cls.__module__ == "builtins":
            return
        self._functions.add(id(cls))
        for name, member in sorted(vars(cls).items()):
            for part in (
                member,
                getattr(member, "__func__", None),
                *(getattr(member, accessor, None) for accessor in ("fget", "fset", "fdel")),
            ):
                if isinstance(part, FunctionType) and _package(part) == _package(cls):
                    self._put("member", name)
                    self.add(part)

    def _object(self, value: Any) -> None:
        """Anything else, by what pickle would make of it."""
        if callable(value) and (wrapped := inspect.unwrap(value)) is not value:
            self._put("wrapper", type(value).__name__)
            self.add(wrapped)
            return
        try:
            reduced = value.__reduce_ex__(4)
        except Exception as error:
            raise FingerprintError(
                f"a value of type {_name(type(value))} cannot be told from others ({error}): pass "
                "plain data instead, or run without a checkpoint"
            ) from error
        self._put("object", _name(type(value)))
        if isinstance(reduced, str):
            self._put("named", reduced)
            return
        self._class(type(value))
        for part in reduced:
            self.add(list(part) if hasattr(part, "__next__") else part)

    def _named(self, words: str, value: Any) -> None:
        try:
            self.add(value)
        except FingerprintError as error:
            raise FingerprintError(f"{words}: {error}") from error


def _alone(value: Any) -> str:
    """A value of a collection without an order."""
    seen = _Fingerprint()
    seen.add(value)
    return seen.code() + seen.values()


def _code_digest(code: CodeType, doc: str | None = None) -> bytes:
    seen = _Fingerprint()
    seen.add((code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags))
    seen.add(code.co_code)
    for names in (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars):
        seen.add(names)
    constants = code.co_consts
    if doc is not None and constants and constants[0] == doc:
        constants = constants[1:]  # a docstring
    for constant in constants:
        seen.add(constant)
    return seen.values().encode()


def _names(code: CodeType) -> set[str]:
    """Names that code and the functions inside of it may look up as globals."""
    found = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            found |= _names(constant)
    return found


def _package(value: Any) -> str:
    return str(getattr(value, "__module__", None) or "").partition(".")[0]


def _name(value: Any) -> str:
    named = value if hasattr(value, "__qualname__") or hasattr(value, "__name__") else type(value)
    name = getattr(named, "__qualname__", None) or getattr(named, "__name__", "")
    module = getattr(named, "__module__", None)
    return f"{module}.{name}" if module else str(name)
