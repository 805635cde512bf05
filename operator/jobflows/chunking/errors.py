"""How an item fails, as a value that crosses processes and names the item."""

from __future__ import annotations

import traceback
from typing import Literal

Kind = Literal["exception", "timeout", "killed"]

SHOWN = 200
"""Characters of an item that a message shows."""


class ItemError(Exception):
    """One item failed: its index, what it was, how it failed, and why.

    `cause` is the exception of the function, where there is one and it can cross processes;
    `details` is its traceback as text.
    """

    def __init__(  # noqa: PLR0917 - pickled by its arguments
        self,
        index: int,
        item: str,
        kind: Kind,
        reason: str,
        cause: BaseException | None = None,
        details: str = "",
    ) -> None:
        super().__init__(index, item, kind, reason, cause, details)
        self.index = index
        self.item = item
        self.kind = kind
        self.reason = reason
        self.cause = cause
        self.details = details

    def __str__(self) -> str:
        return f"item {self.index} ({self.item}): {self.reason}"


class Halted(Exception):  # noqa: N818 - a state, not an error of anybody
    """The run was asked to end before its end; what was done has been delivered."""


class WorkersLostError(RuntimeError):
    """No worker can work: none starts, or lives long enough, or can read what it is sent."""


def show(item: object) -> str:
    """An item in a message: its repr, cut; also when it has none."""
    try:
        text = repr(item)
    except Exception as error:  # noqa: BLE001 - a broken repr must not hide the failure it is for
        text = f"<{type(item).__name__}, whose repr raises {type(error).__name__}>"
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"


def failure_of(index: int, item: object, error: BaseException) -> ItemError:
    """What the function raised, while it is being handled."""
    reason = "".join(traceback.format_exception_only(error)).strip()
    details = "".join(traceback.format_exception(error))
    return ItemError(index, show(item), "exception", reason, error, details)


def raise_failure(failure: ItemError) -> None:
    """Raise what ended the run: the function's own exception, with a note that names the item."""
    if failure.cause is None:
        raise failure
    note = f"raised for item {failure.index}: {failure.item}"
    if note not in getattr(failure.cause, "__notes__", ()):
        failure.cause.add_note(note)
        if failure.cause.__traceback__ is None and failure.details:
            failure.cause.add_note(f"in a worker:\n{failure.details.rstrip()}")
    raise failure.cause
