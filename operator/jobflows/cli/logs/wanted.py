"""Whose log is wanted, and how logs reach standard output."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from jobflows.steering.errors import SteerError

MOST_TASKS = 100
"""Tasks of an array whose logs are printed one after the other."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A step, or one task or one attempt of it."""

    flow: str
    step: str
    task: int | None = None
    attempt: int | None = None
    container: str | None = None
    tail: int | None = None

    def nothing(self, what: str) -> SteerError:
        """That there is no log, and how to find out why."""
        which = (
            f"attempt {self.attempt} of step {self.step}" if self.attempt else f"step {self.step}"
        )
        which = which if self.task is None else f"task {self.task} in {which}"
        return SteerError(f"{which} {what}; `jobflow explain {self.flow} {self.step}` says why")

    def check_number(self, tasks: int) -> None:
        """Refuse more logs than anybody reads."""
        if tasks > MOST_TASKS:
            words = f"step {self.step} has the logs of {tasks} tasks; choose one by --task N"
            raise SteerError(words)


def head(title: str) -> None:
    """A line above a log where there are several."""
    write(f"==> {title} <==\n".encode())


def write(data: bytes) -> None:
    """Bytes as they are, at once."""
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
