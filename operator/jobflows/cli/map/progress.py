"""How far a run is: a bar on a terminal, elsewhere one JSON line every few seconds.

Called from the loop that takes results and, while none comes, from a timer's signal handler. So it
writes with one system call and shares no buffer with anything.
"""

from __future__ import annotations

import json
import os
import time
from collections import deque
from collections.abc import Callable

from jobflows.measures import duration

BAR_SECONDS, LINE_SECONDS = 0.2, 5.0
RATE_SECONDS = 15.0
"""The rate is that of the last seconds, so that it follows items that get slower."""
WIDTH = 30


class Progress:
    """Shows nothing; counts."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.total: int | None = None
        self.done = self.failed = self.skipped = 0
        self.workers = 1
        self._clock = clock
        self._began = clock()
        self._marks: deque[tuple[float, int]] = deque([(self._began, 0)])

    def tick(self) -> None:
        """Show how it stands, if it is time to."""

    def end(self) -> None:
        """Nothing more is shown."""

    def say(self, words: str) -> None:
        """A sentence between."""
        write(words + "\n")

    def _rate(self, now: float) -> float:
        """Items a second."""
        if now - self._marks[-1][0] >= 1.0:
            self._marks.append((now, self.done))
            while now - self._marks[0][0] > RATE_SECONDS and len(self._marks) > 2:
                self._marks.popleft()
        since, before = self._marks[0]
        return (self.done - before) / (now - since) if now > since else 0.0

    def _left(self, rate: float) -> float | None:
        """Seconds until the end."""
        if self.total is None or rate <= 0:
            return None
        return max(0, self.total - self.skipped - self.done) / rate


class Lines(Progress):
    """For a log."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(clock)
        self._next = self._began + LINE_SECONDS

    def tick(self) -> None:
        now = self._clock()
        if now < self._next:
            return
        self._next = now + LINE_SECONDS
        rate = self._rate(now)
        left = self._left(rate)
        line = {
            "done": self.done,
            "total": self.total,
            "failed": self.failed,
            "skipped": self.skipped,
            "rate": float(f"{rate:.3g}"),
            "eta": None if left is None else round(left),
            "workers": self.workers,
        }
        write(json.dumps(line) + "\n")


class Bar(Progress):
    """For a terminal: one line, which is drawn over itself and wiped out at the end."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(clock)
        self._next = self._began
        self._over = False

    def tick(self) -> None:
        now = self._clock()
        if now < self._next or self._over:
            return
        self._next = now + BAR_SECONDS
        write(f"\r\x1b[K{self.line(now)[: self._columns() - 1]}")

    def line(self, now: float) -> str:
        """What the terminal shows."""
        rate = self._rate(now)
        left = self._left(rate)
        ready = self.done + self.skipped
        parts = [f"{ready:,}"]
        if self.total is not None:
            share = ready / self.total if self.total else 1.0
            full = int(share * WIDTH)
            parts = [f"{share:4.0%} [{'#' * full}{'.' * (WIDTH - full)}] {ready:,}/{self.total:,}"]
        if self.failed:
            parts.append(f"{self.failed:,} failed")
        parts.append(f"{rate:,.0f}/s" if rate >= 10 else f"{rate:.2g}/s")
        parts.append(f"{duration(now - self._began)}" if left is None else f"{duration(left)} left")
        parts.append(f"{self.workers} worker{'s' * (self.workers != 1)}")
        return "  ".join(parts)

    def end(self) -> None:
        if not self._over:
            self._over = True
            write("\r\x1b[K")

    def say(self, words: str) -> None:
        write(f"\r\x1b[K{words}\n")

    @staticmethod
    def _columns() -> int:
        try:
            return os.get_terminal_size(2).columns or 80
        except OSError:
            return 80


def write(text: str) -> None:
    """Text on standard error, past all buffers; if nobody reads it, so be it."""
    data = text.encode("utf-8", "backslashreplace")
    try:
        while data:
            data = data[os.write(2, data) :]
    except OSError:
        return
