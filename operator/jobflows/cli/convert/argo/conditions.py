"""Argo's two little languages of conditions, `depends` and `when`, as CEL.

Both are boolean expressions with `&&`, `||`, `!` and brackets; they differ in what stands between.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from jobflows.cli.convert.argo.values import Scope, Value, read


class UntranslatableError(ValueError):
    """A condition that cannot be said in CEL; the message says what of it."""


_TOKEN = re.compile(
    r"\s*(?:(?P<op>&&|\|\||=~|!~|==|!=|<=|>=|<|>|!|\(|\))"
    r"|(?P<brace>\{\{.*?\}\})|(?P<quoted>\"[^\"]*\"|'[^']*')|(?P<word>[^\s&|=!<>()~]+))"
)


@dataclass(slots=True)
class _Tokens:
    text: str
    found: list[tuple[str, str]] = field(default_factory=list)
    at: int = 0

    def __post_init__(self) -> None:
        end = 0
        while self.text[end:].strip():
            match = _TOKEN.match(self.text, end)
            if match is None:
                raise UntranslatableError(f"'{self.text[end:].strip()}' cannot be read")
            assert match.lastgroup is not None
            self.found.append((match.lastgroup, match[match.lastgroup]))
            end = match.end()

    @property
    def next(self) -> tuple[str, str]:
        return self.found[self.at] if self.at < len(self.found) else ("end", "")

    def take(self) -> tuple[str, str]:
        token = self.next
        self.at += 1
        return token


Atom = Callable[[_Tokens], str]


def _boolean(tokens: _Tokens, atom: Atom) -> str:
    """The whole expression."""
    made = _any(tokens, atom)
    if tokens.next[0] != "end":
        raise UntranslatableError(f"'{tokens.next[1]}' is not expected")
    return made


def _any(tokens: _Tokens, atom: Atom) -> str:
    parts = [_all(tokens, atom)]
    while tokens.next == ("op", "||"):
        tokens.take()
        parts.append(_all(tokens, atom))
    return " || ".join(parts)


def _all(tokens: _Tokens, atom: Atom) -> str:
    parts = [_one(tokens, atom)]
    while tokens.next == ("op", "&&"):
        tokens.take()
        parts.append(_one(tokens, atom))
    return " && ".join(parts)


def _one(tokens: _Tokens, atom: Atom) -> str:
    if tokens.next == ("op", "!"):
        tokens.take()
        return f"!({_one(tokens, atom)})"
    if tokens.next == ("op", "("):
        tokens.take()
        inner = _any(tokens, atom)
        if tokens.take() != ("op", ")"):
            raise UntranslatableError("a bracket is not closed")
        return f"({inner})"
    return atom(tokens)


class Known(Protocol):
    """What `depends` has to know of the tasks before it."""

    def steps(self, task: str) -> tuple[str, ...]:
        """The steps that a task stands for, all of which it waits for; `UntranslatableError`."""

    def needs(self, step: str) -> tuple[str, ...]:
        """What must hold, or the step is omitted."""

    def may_skip(self, step: str) -> bool:
        """Whether it has a condition."""

    def is_watched(self, task: str) -> bool:
        """Whether its failure is looked at by some task, so that it keeps none from running."""


@dataclass(frozen=True, slots=True)
class Depends:
    """`depends` of a task: the steps that it waits for, and what must hold or it is omitted."""

    names: tuple[str, ...]
    needs: tuple[str, ...]


_PLAIN = re.compile(r"[\w-]+(\.Succeeded)?")


def watched(text: str) -> list[str]:
    """The tasks whose failure a `depends` looks at."""
    rest = " ".join(part for part in _conjuncts(text) if not _PLAIN.fullmatch(part))
    return [word.partition(".")[0] for kind, word in _Tokens(rest).found if kind == "word"]


def depends(text: str, known: Known) -> Depends:
    """Read a `depends`; raises `UntranslatableError`.

    What is skipped by a `when` counts as done, what is omitted by a `depends` does not; JobFlow
    calls both Skipped, so what the latter needed is asked for again.
    """
    names: dict[str, None] = {}
    needs: list[str] = []

    def atom(tokens: _Tokens) -> str:
        kind, word = tokens.take()
        name, _, wanted = word.partition(".")
        if kind != "word":
            raise UntranslatableError(f"'{word or 'the end'}' is not expected")
        steps = known.steps(name)
        if len(steps) > 1 and wanted not in ("", "Succeeded"):
            raise UntranslatableError(f"'{word}' asks how several steps ended together")
        names.update(dict.fromkeys(steps))
        each = [_ended(step, wanted, " && ".join(known.needs(step)), word) for step in steps]
        return each[0] if len(each) == 1 else f"({' && '.join(each)})"

    for part in _conjuncts(text):
        if not _PLAIN.fullmatch(part):
            needs.append(_boolean(_Tokens(part), atom))
            continue
        name, _, wanted = part.partition(".")
        for step in known.steps(name):
            names[step] = None
            needs += known.needs(step)
            if wanted and known.may_skip(step):
                needs.append(f"steps.{step}.phase == 'Succeeded'")
            elif known.is_watched(name):
                needs.append(f"steps.{step}.phase != 'Failed'")
    return Depends(tuple(names), tuple(dict.fromkeys(needs)))


def _conjuncts(text: str) -> list[str]:
    """What is joined by `&&` outside of brackets; the whole where there is an `||` as well."""
    parts, level = [""], 0
    for piece in re.split(r"(&&|\|\||[()])", text):
        level += {"(": 1, ")": -1}.get(piece, 0)
        if piece == "||" and level == 0:
            return [text.strip()]
        if piece == "&&" and level == 0:
            parts.append("")
        else:
            parts[-1] += piece
    return [part.strip() for part in parts]


def _ended(step: str, wanted: str, needs: str, word: str) -> str:
    """Whether a step ended as wanted."""
    phase = f"steps.{step}.phase"
    skipped = f"{phase} == 'Skipped'" + (f" && ({needs})" if needs else "")
    match wanted:
        case "":
            return f"({phase} == 'Succeeded' || ({skipped}))"
        case "Succeeded":
            return f"{phase} == 'Succeeded'"
        case "Failed" | "Errored":
            return f"{phase} == 'Failed'"
        case "Skipped":
            return f"({skipped})"
        case "Omitted":
            return f"!({needs})" if needs else "false"
    raise UntranslatableError(f"'{word}' has no counterpart")


_NUMBER = re.compile(r"-?\d+(\.\d+)?")


def when(text: str, scope: Scope) -> str:
    """Read a `when`; raises `UntranslatableError`."""

    def operand(tokens: _Tokens) -> Value:
        kind, word = tokens.take()
        if kind not in ("brace", "quoted", "word"):
            raise UntranslatableError(f"'{word or 'the end'}' is not expected")
        found = read(word[1:-1] if kind == "quoted" else word, scope)
        if isinstance(found, str):
            raise UntranslatableError(f"{found} has no counterpart")
        return found

    def atom(tokens: _Tokens) -> str:
        left = operand(tokens)
        kind, op = tokens.next
        if kind != "op" or op in ("&&", "||", ")", "(", "!"):
            if left.literal in ("true", "false"):
                return str(left.literal)
            return f"{_cel(left)} == 'true'"
        tokens.take()
        return _compared(left, op, operand(tokens))

    return _boolean(_Tokens(text), atom)


def _compared(left: Value, op: str, right: Value) -> str:
    if op in ("=~", "!~"):
        return f"{'!' * (op == '!~')}{_cel(left)}.matches({_cel(right)})"
    numbers = [bool(_NUMBER.fullmatch(v.literal)) for v in (left, right) if v.literal is not None]
    if op in ("==", "!=") and not (numbers and all(numbers)):
        return f"{_cel(left)} {op} {_cel(right)}"
    if numbers and not all(numbers):
        raise UntranslatableError(f"'{op}' between words")
    return f"{_number(left)} {op} {_number(right)}"


def _cel(value: Value) -> str:
    if value.literal is not None:
        return json.dumps(value.literal, ensure_ascii=False)
    made = value.cel
    if made is None:
        raise UntranslatableError(f"{value.text} cannot be read by a condition")
    return made if len(value.pieces) == 1 else f"({made})"


def _number(value: Value) -> str:
    if value.literal is not None:
        return value.literal if "." in value.literal else f"{value.literal}.0"
    return f"double({_cel(value)})"
