"""Expressions of `when`: a keyword, or CEL over the steps before this one and the parameters.

    always | true | never | false
    steps.extract-data.phase == 'Succeeded' && int(parameters.rows) > 3

What an expression sees: `steps.<name>.phase`, `.outputs.<name>`, `.retryCount`, `.message`, and
`parameters.<name>`. Parameters and outputs are strings: `int(parameters.n) > 3` converts, and
`parameters.n > 3` is an error. `retryCount` is a number. An exit handler also sees the outcome, as
`flow.phase`, `flow.reason` and `flow.message`.

Three things are stricter than CEL. Names must be written out, so that the validator knows what an
expression reads. Loops (`all`, `exists`, `map`, `filter`) are refused, so that the time of an
evaluation is bounded by the length of the text. And the result must be a boolean. On the other
hand names with dashes work as they are: `steps.a-b.phase` becomes `steps["a-b"].phase` before CEL
sees it, outside of string literals only. A name goes as far as it can, so a subtraction after a
name needs blanks around the minus.

CEL is imported on first use; the keywords cost nothing.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from jobflows.api.references import ExpressionError, References, scan

__all__ = ["Expression", "ExpressionError", "References"]

_KEYWORDS = {"always": True, "true": True, "never": False, "false": False}

# Variables that CEL itself defines: the names of its types.
_TYPE_NAMES = "bool bytes double dyn int list map null_type string type uint"
_TYPES = frozenset(_TYPE_NAMES.split())

_FUNCTION_NAMES = """
    bool bytes contains double duration dyn endsWith getDate getDayOfMonth getDayOfWeek getDayOfYear
    getFullYear getHours getMilliseconds getMinutes getMonth getSeconds int matches max min size
    startsWith string timestamp type uint
"""
_FUNCTIONS = frozenset(_FUNCTION_NAMES.split())

# The parser's words, and plain ones.
_WORDS = (
    ("mismatched input", "unexpected"),
    ("extraneous input", "unexpected"),
    ("'<EOF>'", "the end"),
)
_CEL_ERROR = re.compile(r"<input>:(\d+):(\d+): (?:Syntax error: )?(.*)")


@dataclass(frozen=True, slots=True)
class Expression:
    """A parsed `when`."""

    text: str
    constant: bool | None
    """The value of a keyword, None for a real expression."""
    references: References
    _program: Any = field(default=None, repr=False, compare=False)

    @classmethod
    def parse(cls, text: str) -> "Expression":
        """Parse a `when`; ExpressionError carries the column of what is wrong."""
        return _parse(text)

    def evaluate(
        self,
        steps: Mapping[str, Mapping[str, Any]],
        parameters: Mapping[str, str],
        flow: Mapping[str, str] = MappingProxyType({}),
    ) -> bool:
        """Return the truth of the expression; ExpressionError if it has none.

        `steps` maps names to records with phase, outputs, retryCount and message; only those of
        `references.steps` are read. `flow` is the outcome, for exit handlers.
        """
        if self.constant is not None:
            return self.constant
        # CEL copies what it is given, so it gets no more than the expression names.
        context = {
            "steps": {name: _record(steps, name) for name in self.references.steps},
            "parameters": {
                name: parameters[name] for name in self.references.parameters if name in parameters
            },
            "flow": dict(flow),
        }
        try:
            result = self._program.execute(context)
        except KeyError as error:
            raise ExpressionError(f"{error.args[0]!r} has no value in '{self.text}'") from None
        except (RuntimeError, TypeError, ValueError, ArithmeticError, IndexError) as error:
            raise ExpressionError(f"'{self.text}': {_first_sentence(error)}") from None
        if not isinstance(result, bool):
            raise ExpressionError(f"'{self.text}' gives {result!r}, not true or false")
        return result


@lru_cache(maxsize=4096)
def _parse(text: str) -> Expression:
    keyword = _KEYWORDS.get(text.strip())
    if keyword is not None:
        return Expression(text, keyword, References())
    scanned = scan(text)

    import cel  # noqa: PLC0415 - 140 ms that only flows with expressions pay

    try:
        program = cel.compile(scanned.source)
    except ValueError as error:
        match = _CEL_ERROR.search(str(error))
        if match is None:
            raise ExpressionError(_first_sentence(error)) from None
        column = scanned.column(line=int(match[1]), column=int(match[2]))
        raise ExpressionError(_plain(match[3]), column=column) from None
    used = program.references()
    for name in sorted(set(used["variables"]) - _TYPES - {"steps", "parameters", "flow"}):
        raise ExpressionError(f"unknown name '{name}'", column=_column_of(name, text))
    for name in sorted(set(used["functions"]) - _FUNCTIONS):
        if name.isidentifier() and not name.startswith("_"):
            raise ExpressionError(f"unknown function '{name}'", column=_column_of(name, text))
    return Expression(text, None, scanned.references, program)


def _record(steps: Mapping[str, Mapping[str, Any]], name: str) -> dict[str, Any]:
    try:
        record = steps[name]
    except KeyError:
        raise ExpressionError(f"there is no step '{name}' to look at") from None
    return {
        "phase": str(record.get("phase", "Pending")),
        "outputs": dict(record.get("outputs") or {}),
        "retryCount": int(record.get("retryCount") or 0),
        "message": str(record.get("message") or ""),
    }


def _column_of(word: str, text: str) -> int | None:
    match = re.search(rf"\b{re.escape(word)}\b", text)
    return match.start() + 1 if match else None


def _plain(message: str) -> str:
    """Leave out the parser's list of all tokens that it would have liked better."""
    message = message.split(" expecting ", 1)[0].strip()
    for theirs, ours in _WORDS:
        message = message.replace(theirs, ours)
    return message


def _first_sentence(error: Exception) -> str:
    return str(error).splitlines()[0].split(". ", 1)[0].rstrip(".")
