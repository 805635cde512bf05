"""A person ends the run: Ctrl-C, or a signal from outside."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stoppable(Protocol):
    def stop(self, words: str) -> None: ...
    def terminate(self, words: str) -> None: ...


@contextmanager
def signals_stop(runner: Stoppable, said: Callable[[str], None]) -> Iterator[None]:
    """While inside, the first signal stops the runner and the next one terminates it.

    `said` gets a sentence for the person who sent it. Outside of the main thread there are no
    signals to catch, and the embedding program has to call `stop()` itself.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    asked = False

    def received(number: signal.Signals) -> None:
        nonlocal asked
        if asked:
            said(f"{number.name} again: killing what still runs")
            runner.terminate(f"terminated by {number.name}")
            return
        asked = True
        said(f"{number.name}: stopping; once more kills at once")
        runner.stop(f"stopped by {number.name}")

    if signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN:
        # Inherited from a careless parent; with it the exit codes of children are lost.
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for number in SIGNALS:
        loop.add_signal_handler(number, received, number)
    try:
        yield
    finally:
        for number in SIGNALS:
            loop.remove_signal_handler(number)
