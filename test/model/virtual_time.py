"""An asyncio event loop whose clock jumps: a day of timers takes milliseconds, always the same.

The loop's selector has no files to wait for. When callbacks are ready it lets them run; when only
timers are left it moves `loop.time()` to the next one at once; when neither is left, nothing can
ever happen again, and it raises `DeadlockError` with the names of the tasks that still wait. Real
I/O and threads therefore do not work on it, which is the point: nothing outside the seed decides
anything.

    async def scenario(clock: Clock, random: Random) -> int: ...
    run(scenario, seed=7)

A run repeats exactly for one seed as long as the code iterates no `set` of strings (their order
changes from process to process) and reads no clock but `Clock`.
"""

from __future__ import annotations

import asyncio
import math
import selectors
from collections.abc import Callable, Coroutine, Mapping
from random import Random
from typing import Any, TypeVar

EPOCH = 1_700_000_000.0

T = TypeVar("T")


class DeadlockError(RuntimeError):
    """No callback is ready and no timer is set: the tasks named in the message wait for ever."""


class TimeLimitError(RuntimeError):
    """Virtual time passed the limit given to `run`, or stands still: something goes on and on."""


STANDSTILL = 200_000
"""Turns of the loop at one moment after which nothing is expected to come of it any more."""


class _Selector(selectors.BaseSelector):
    """Reports no file ready, ever, and turns waiting into a step of the clock."""

    def __init__(self) -> None:
        self.now = 0.0
        self.limit = math.inf
        self._turns = 0
        self._keys: dict[Any, selectors.SelectorKey] = {}

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise DeadlockError(f"nothing is ready and no timer is set; waiting: {_waiting()}")
        self._turns = self._turns + 1 if timeout <= 0 else 0
        if self._turns > STANDSTILL:
            raise TimeLimitError(f"time stands still at {self.now}; waiting: {_waiting()}")
        if timeout > 0:
            # Far from zero a tiny timeout may vanish in rounding; then take the next float.
            self.now = max(self.now + timeout, math.nextafter(self.now, math.inf))
            if self.now > self.limit:
                raise TimeLimitError(f"passed {self.limit} virtual seconds; waiting: {_waiting()}")
        return []

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        # asyncio registers the pipe it wakes itself with; it is never read here.
        key = selectors.SelectorKey(fileobj, 0, events, data)
        self._keys[fileobj] = key
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._keys.pop(fileobj)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._keys

    def close(self) -> None:
        self._keys.clear()


def _waiting() -> str:
    try:
        tasks = asyncio.all_tasks()
    except RuntimeError:
        return "unknown (the loop is not running)"
    names = sorted(f"{task.get_name()} ({_place(task)})" for task in tasks if not task.done())
    return ", ".join(names) or "no task"


def _place(task: asyncio.Task[Any]) -> str:
    coroutine: Any = task.get_coro()
    name = getattr(coroutine, "__qualname__", repr(coroutine))
    while (inner := getattr(coroutine, "cr_await", None)) is not None:
        coroutine = inner
        name = getattr(coroutine, "__qualname__", name)
    return str(name)


class VirtualLoop(asyncio.SelectorEventLoop):
    """The loop itself; `run` is the usual way in."""

    def __init__(self) -> None:
        self._virtual = _Selector()
        super().__init__(self._virtual)
        self.failure: BaseException | None = None
        self.set_exception_handler(_stop_at_failure)

    def time(self) -> float:
        return self._virtual.now

    def limit_to(self, seconds: float) -> None:
        """Raise `TimeLimitError` once the clock passes this many seconds since the loop's start."""
        self._virtual.limit = seconds


def _stop_at_failure(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    # A plain callback that raises is a bug of the model; asyncio would only log it.
    if isinstance(loop, VirtualLoop) and "handle" in context and "exception" in context:
        loop.failure = loop.failure or context["exception"]
        loop.stop()
    else:
        loop.default_exception_handler(context)


class Clock:
    """Wall-clock time of the virtual world: UNIX seconds, moved only by the loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, epoch: float = EPOCH) -> None:
        self._loop = loop
        self._epoch = epoch

    def now(self) -> float:
        return self._epoch + self._loop.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def call_later(self, seconds: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
        """Run a plain callback later: the model's controllers are made of these, not of tasks."""
        return self._loop.call_later(seconds, callback)


def run(
    scenario: Callable[[Clock, Random], Coroutine[Any, Any, T]],
    *,
    seed: int = 0,
    limit_seconds: float = 7 * 86_400.0,
    make_loop: Callable[[], VirtualLoop] = VirtualLoop,
) -> T:
    """Run one scenario to its end on a fresh loop and clean up as `asyncio.run` does."""
    loop = make_loop()
    loop.limit_to(limit_seconds)
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        try:
            return runner.run(scenario(Clock(loop), Random(seed)))
        except RuntimeError:
            if loop.failure is not None:
                raise loop.failure from None
            raise
        finally:
            loop.limit_to(math.inf)  # what is cancelled now may still take its time to end
