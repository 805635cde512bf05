"""Command templates: `python fit.py --rate {rate}`, with a name in braces for each argument.

A value is one word, or a part of one, whatever is in it: it is never read as shell text. A template
without shell syntax becomes the words of a command, and no shell is needed to run it. One with
pipes, redirections, variables or several commands runs by `/bin/sh -c`, and the values are its
positional parameters.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from string import Formatter

from jobflows.sdk.errors import DefinitionError
from jobflows.sdk.given import names as texts

ARGUMENT_PATTERN = r"[A-Za-z](?:[A-Za-z0-9_]*[A-Za-z0-9])?"
"""Names of arguments: what both a keyword of Python and a placeholder of a flow may be."""

_ARGUMENT = re.compile(ARGUMENT_PATTERN)
_SYNTAX = frozenset("|&;<>()$`*?[#~!\n")
_WORDS_OF_THE_SHELL = re.compile(
    r"[.:{]|break|case|cd|continue|eval|exec|exit|export|for|if|read|return|set|shift|source|trap"
    r"|ulimit|umask|unset|until|wait|while"
)
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_MARK = "\0"
"""Stands for a value while a template is taken apart; no command can hold it."""

_EXPANDED = re.compile(r"\$(?=[$(]|$)")
_IN_QUOTES = {"": '"${{{n}}}"', '"': "${{{n}}}", "'": "'\"${{{n}}}\"'"}


@dataclass(frozen=True, slots=True)
class Command:
    """A command with `{{ arguments.x }}` where values go; `names` are those of the values."""

    words: tuple[str, ...]
    names: frozenset[str]

    @classmethod
    def parse(cls, template: str | Sequence[str]) -> Command:
        """Take a template apart: a line of shell, or a sequence of words that no shell reads.

        Raises `DefinitionError`.
        """
        if not isinstance(template, str):
            words = texts("the command", "its words", template)
            parts = [_fields(word) for word in words]
            words = tuple(_filled(text, iter(names)) for text, names in parts)
            used = frozenset(name for _, names in parts for name in names)
        else:
            text, names = _fields(template)
            words, used = _line(text, names), frozenset(names)
        if not words:
            raise DefinitionError("the command template is empty; write the command of a task")
        return cls(words, used)


def kept(text: str) -> str:
    """Text as it is after the kubelet has looked for `$(NAME)` in it."""
    return _EXPANDED.sub("$$", text)


def _fields(template: str) -> tuple[str, list[str]]:
    """The text with a mark for each value, and their names in order."""
    if _MARK in template:
        raise DefinitionError("the command template holds a NUL character; remove it")
    text, names = "", []
    try:
        for literal, name, spec, conversion in Formatter().parse(template):
            text += literal
            if name is None:
                continue
            if spec or conversion or not _ARGUMENT.fullmatch(name):
                raise DefinitionError(
                    f"'{{{name}}}' in the command template is no argument: write a name such as "
                    "{rate}, of letters, digits and underscores between them; {{ and }} for braces"
                )
            text += _MARK
            names.append(name)
    except DefinitionError:
        raise
    except ValueError as error:
        raise DefinitionError(
            f"the command template cannot be read: {error}; write {{{{ and }}}} for braces"
        ) from None
    return text, names


def _line(text: str, names: list[str]) -> tuple[str, ...]:
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise DefinitionError(f"the command template cannot be read: {error}") from None
    script, needs_shell = _script(text)
    if words and (_WORDS_OF_THE_SHELL.fullmatch(words[0]) or _ASSIGNMENT.match(words[0])):
        needs_shell = True
    if needs_shell:
        return ("/bin/sh", "-c", kept(script), "task", *map(_placeholder, names))
    left = iter(names)
    return tuple(_filled(word, left) for word in words)


def _script(text: str) -> tuple[str, bool]:
    """The line with `${1}` and so on for values, and whether it has any syntax of a shell."""
    parts: list[str] = []
    quote, escaped, number, has_syntax = "", False, 0, False
    for char in text:
        if char == _MARK:
            number += 1
            if escaped:
                parts.pop()  # a value is never special, with a backslash or without
            parts.append(_IN_QUOTES[quote].format(n=number))
            escaped = False
            continue
        parts.append(char)
        if escaped:
            escaped = False
        elif char == "\\" and quote != "'":
            escaped = True
        elif quote:
            has_syntax |= quote == '"' and char in "$`"
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
        else:
            has_syntax |= char in _SYNTAX
    return "".join(parts), has_syntax


def _filled(word: str, names: Iterator[str]) -> str:
    return re.sub(_MARK, lambda _: _placeholder(next(names)), kept(word))


def _placeholder(name: str) -> str:
    return f"{{{{ arguments.{name} }}}}"
