"""Answers that took long are kept for a while, so that many readers and reloads cost little.

An answer is kept twenty times as long as it took: one of five milliseconds for a tenth of a second,
a sum over a million attempts for half a minute. What is quick is always fresh.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")

TIMES = 20.0
LONGEST = 60.0
"""Seconds."""

KEPT = 256


@dataclass(frozen=True, slots=True)
class _Kept:
    answer: Any
    until: float


class Memory:
    """The `kept` answers that were asked for last, each for `least` seconds or longer.

    `clock` never goes back.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        *,
        least: float = 0.0,
        kept: int = KEPT,
    ) -> None:
        self._clock = clock
        self._least = least
        self._most = kept
        self._kept: OrderedDict[Hashable, _Kept] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, question: Hashable, ask: Callable[[], T]) -> T:
        """The answer to a question: that of a moment ago, or what `ask` returns."""
        began = self._clock()
        with self._lock:
            kept = self._kept.get(question)
        if kept is not None and began < kept.until:
            answer: T = kept.answer
            return answer
        found = ask()
        ended = self._clock()
        with self._lock:
            seconds = max(self._least, min(LONGEST, TIMES * (ended - began)))
            self._kept[question] = _Kept(found, ended + seconds)
            self._kept.move_to_end(question)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return found
