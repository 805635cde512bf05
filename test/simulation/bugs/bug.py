"""A bug that is put into the operator on purpose, to see whether an invariant sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

Patch = tuple[Any, str, Any]
"""An object, the name of one of its attributes, and what it is for a while."""


@dataclass(frozen=True, slots=True)
class Bug:
    """`rule` must see it; `words` say what is wrong; `make` makes the patches, anew each time.

    `seed` is one that found it when somebody looked last: the fast tests begin their search there.
    """

    rule: str
    words: str
    make: Callable[[], list[Patch]]
    seed: int = 0

    @contextmanager
    def planted(self) -> Iterator[None]:
        """The operator with this bug."""
        with ExitStack() as stack:
            for owner, name, new in self.make():
                stack.enter_context(patch.object(owner, name, new))
            yield
