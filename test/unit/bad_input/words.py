"""What is said of an input that may be refused."""

from __future__ import annotations

from collections.abc import Callable


def words_of(refusal: type[Exception], call: Callable[[], object]) -> str:
    """The words of the refusal; empty if there is none. Any other exception is a bug."""
    try:
        call()
    except refusal as error:
        return str(error)
    return ""
