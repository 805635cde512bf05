"""Reads the names out of an expression and makes it digestible for CEL.

One pass over the text, outside of string literals and comments: each `steps…`, `parameters…` and
`flow…` must name what it means, which gives the references; names that are no CEL identifiers
(`a-b`, `1st`, `in`) turn into index form. A table of offsets leads positions in CEL's messages back
to the text that the user wrote.
"""

import re
from dataclasses import dataclass

FLOW_FIELDS = ("phase", "reason", "message")
STEP_FIELDS = ("phase", "outputs", "retryCount", "message")

_STRING = r"""
    [rR][bB]?(?:\"\"\"[\s\S]*?\"\"\"|'''[\s\S]*?'''|"[^"\n]*"|'[^'\n]*')
  | [bB]?(?:\"\"\"(?:\\[\s\S]|[^\\])*?\"\"\"|'''(?:\\[\s\S]|[^\\])*?'''
           |"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')
"""
_TOKEN = re.compile(
    rf"(?P<skip>{_STRING}|//[^\n]*|\s+)|(?P<word>[A-Za-z_][A-Za-z0-9_]*)|(?P<other>[\s\S])",
    re.VERBOSE,
)
_NAME = r"[A-Za-z0-9_](?:[-A-Za-z0-9_]*[A-Za-z0-9_])?"
_MEMBER = re.compile(rf"""\s*\.\s*({_NAME})|\s*\[\s*(?:"({_NAME})"|'({_NAME})')\s*\]""")
_FIELD = re.compile(r"\s*\.\s*([A-Za-z_][A-Za-z0-9_]*)")
# CEL calls a string and a number simply unequal, so this mistake would be silent.
_NUMBER_OR_BOOLEAN = re.compile(r"\s*(?:[=!]=|[<>]=?)\s*(-?[0-9][0-9.]*|true\b|false\b)")
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_LOOPS = frozenset(("all", "exists", "exists_one", "existsOne", "map", "filter", "transformList"))
_RESERVED_WORDS = """
    as break const continue else false for function if import in let loop namespace null package
    return true var void while
"""
_RESERVED = frozenset(_RESERVED_WORDS.split())


class ExpressionError(ValueError):
    """An expression that cannot be read, or has no boolean value.

    `column` counts characters of the text from 1; None if the error has no place.
    """

    def __init__(self, message: str, *, column: int | None = None) -> None:
        super().__init__(message)
        self.column = column


@dataclass(frozen=True, slots=True)
class References:
    """What an expression reads."""

    steps: frozenset[str] = frozenset()
    outputs: frozenset[tuple[str, str]] = frozenset()
    """Pairs of step and output; the step is in `steps` as well."""
    parameters: frozenset[str] = frozenset()
    flow: frozenset[str] = frozenset()
    """Members of `FLOW_FIELDS`: the outcome, which only exit handlers can see."""


@dataclass(frozen=True, slots=True)
class Scanned:
    """The references of an expression and its source for CEL."""

    references: References
    source: str
    offsets: tuple[tuple[int, int], ...]
    """(position in source, position in text) where the two run apart, ascending."""

    def column(self, *, line: int, column: int) -> int:
        """Return the place in the user's text, from 1, of a line and column in `source`."""
        starts = [0, *(i + 1 for i, char in enumerate(self.source) if char == "\n")]
        position = starts[min(line, len(starts)) - 1] + column - 1
        here, there = 0, 0
        for ours, users in self.offsets:
            if ours > position:
                break
            here, there = ours, users
        return there + position - here + 1


def scan(text: str) -> Scanned:
    """Read the references of `text`; ExpressionError for one that is not written out."""
    return _Scanner(text).run()


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.steps: set[str] = set()
        self.outputs: set[tuple[str, str]] = set()
        self.parameters: set[str] = set()
        self.flow: set[str] = set()
        self.parts: list[str] = []
        self.offsets: list[tuple[int, int]] = []
        self.length = 0

    def run(self) -> Scanned:
        position = 0
        before = ""
        while position < len(self.text):
            match = _TOKEN.match(self.text, position)
            assert match is not None  # the last branch of the pattern takes any character
            word = match["word"]
            if word in ("steps", "parameters", "flow") and before != ".":
                self._emit(word)
                position = self._reference(word, match.end())
                before = word
                continue
            if word in _LOOPS and before == "." and self.text[match.end() :].lstrip()[:1] == "(":
                raise ExpressionError(
                    f"loops such as .{word}() are not allowed", column=position + 1
                )
            self._emit(match[0])
            position = match.end()
            if match["skip"] is None:
                before = match[0]
        references = References(
            frozenset(self.steps),
            frozenset(self.outputs),
            frozenset(self.parameters),
            frozenset(self.flow),
        )
        return Scanned(references, "".join(self.parts), tuple(self.offsets))

    def _reference(self, root: str, position: int) -> int:
        if root == "flow":
            return self._outcome(position)
        start = position - len(root)
        name, position = self._member(f"{root} must be followed by a name", root, position)
        if root == "parameters":
            self.parameters.add(name)
            self._refuse_untyped_comparison(f"parameters.{name}", position)
            return position
        self.steps.add(name)
        field = _FIELD.match(self.text, position)
        if field is None or field[1] not in STEP_FIELDS:
            got = f"steps.{name}" + (f".{field[1]}" if field else "")
            known = ", ".join(STEP_FIELDS)
            raise ExpressionError(f"{got}: a step has {known}", column=position + 1)
        self._emit(field[0])
        position = field.end()
        if field[1] == "outputs" and _MEMBER.match(self.text, position):
            output, position = self._member("", "outputs", position)
            self.outputs.add((name, output))
        if field[1] != "retryCount":
            self._refuse_untyped_comparison(self.text[start:position].strip(), position)
        return position

    def _outcome(self, position: int) -> int:
        field = _FIELD.match(self.text, position)
        if field is None or field[1] not in FLOW_FIELDS:
            got = f"flow.{field[1]}" if field else "flow"
            known = ", ".join(FLOW_FIELDS)
            raise ExpressionError(f"{got}: the flow has {known}", column=position + 1)
        self._emit(field[0])
        self.flow.add(field[1])
        self._refuse_untyped_comparison(f"flow.{field[1]}", field.end())
        return field.end()

    def _refuse_untyped_comparison(self, what: str, position: int) -> None:
        match = _NUMBER_OR_BOOLEAN.match(self.text, position)
        if match is None:
            return
        literal = match[1]
        cure = f"write '{literal}'"
        if literal not in ("true", "false"):
            cure += f" or {'double' if '.' in literal else 'int'}({what})"
        raise ExpressionError(
            f"{what} is a string and {literal} is not: {cure}", column=match.start(1) + 1
        )

    def _member(self, complaint: str, root: str, position: int) -> tuple[str, int]:
        """Read `.name` or `['name']` and emit it in a form that CEL takes."""
        match = _MEMBER.match(self.text, position)
        if match is None:
            raise ExpressionError(
                f"{complaint}, such as {root}.extract", column=position - len(root) + 1
            )
        name = match[1] or match[2] or match[3]
        dotted = match[1] is not None
        if dotted and (not _IDENTIFIER.match(name) or name in _RESERVED):
            self._emit(f'["{name}"]')
            self.offsets.append((self.length, match.end()))
        else:
            self._emit(match[0])
        return name, match.end()

    def _emit(self, part: str) -> None:
        self.parts.append(part)
        self.length += len(part)
