"""Functions that fail in every way there is, in a module that a fresh interpreter can import."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Collection
from typing import Any, NoReturn

LOCK = threading.Lock()


class Deadly:
    """Appends each item that it begins to a file; some items kill the process, some never end.

    Those in `awaits` end when there is a file with the name of the log and ".go"; so do those that
    never end, where they cannot be killed.
    """

    def __init__(
        self,
        log: str,
        *,
        kills: Collection[int] = (),
        hangs: Collection[int] = (),
        awaits: Collection[int] = (),
        seconds: float = 0.0,
    ) -> None:
        self.log = log
        self.kills = frozenset(kills)
        self.hangs = frozenset(hangs)
        self.awaits = frozenset(awaits)
        self.seconds = seconds

    def __call__(self, number: int) -> int:
        fd = os.open(self.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(fd, b"%d\n" % number)
        os.close(fd)
        if number in self.kills:
            os.kill(os.getpid(), signal.SIGKILL)
        while number in self.hangs | self.awaits and not os.path.exists(f"{self.log}.go"):
            time.sleep(0.001)
        if self.seconds:
            time.sleep(self.seconds)
        return number * number


class HoldsALambdaError(Exception):
    """Cannot be pickled."""

    def __init__(self) -> None:
        super().__init__("holds a lambda")
        self.reason = lambda: None


class TwoArgumentsError(Exception):
    """Can be pickled, but not be read again."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"{first} {second}")


def unpicklable(number: int) -> int:
    if number == 3:
        raise HoldsALambdaError
    return number


def unreadable(number: int) -> int:
    if number == 3:
        raise TwoArgumentsError("two", "arguments")
    return number


def exits(number: int) -> int:
    if number == 3:
        sys.exit("had enough")
    return number


def interrupts(number: int) -> int:
    if number == 3:
        raise KeyboardInterrupt
    return number


def _never(*_: object) -> NoReturn:
    raise TypeError("not to be read")


class NeverRead:
    """Can be pickled, but not be read again."""

    def __reduce__(self) -> Any:
        return _never, ()


def never_read(number: int) -> Any:
    return NeverRead() if number == 3 else number


def takes_a_lock(number: int) -> int:
    with LOCK:
        logging.getLogger(__name__).debug("item %d", number)
        return number


def holds_memory(number: int) -> int:
    held = bytearray(b"1" * (20 << 20))
    time.sleep(0.02)
    return len(held) and number


def leaves_a_copy_behind(number: int) -> int:
    """Dies, while a process that it forked goes on with copies of all that was open."""
    if number == 3:
        if os.fork() == 0:
            time.sleep(600)
            os._exit(0)
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def runs_a_program(path: str) -> None:
    """Writes the number of a program that does not end, and waits for it."""
    with subprocess.Popen(["sleep", "600"]) as program:
        with open(path, "w", encoding="ascii") as file:
            file.write(f"{program.pid}\n")
        program.wait()


def process(number: int) -> int:
    time.sleep(0.002)
    return os.getpid()
