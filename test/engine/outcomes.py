"""What attempts do in the tests' world: how long they run, and how they end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from jobflows.engine import Cause

End = Literal["succeed", "fail", "vanish", "reject", "block", "hang", "stick"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """After `after` seconds the attempt ends as `end` says; stopping it takes `stopping` seconds.

    `times` says how often the creation is blocked before the attempt runs on as `then`.
    """

    end: End
    after: float = 1.0
    stopping: float = 0.0
    cause: Cause = Cause.APPLICATION
    reason: str = ""
    message: str = ""
    exit_codes: Mapping[str, int] = field(default_factory=dict)
    output: str | None = None
    running_message: str = ""
    times: int = 0
    needs: str = ""
    recheck: float | None = None

    def __repr__(self) -> str:
        return f"{self.end}({self.after})"


def succeed(after: float = 1.0, output: str | None = None, running_message: str = "") -> Outcome:
    return Outcome(end="succeed", after=after, output=output, running_message=running_message)


def fail(code: int = 1, after: float = 1.0, container: str = "main") -> Outcome:
    return Outcome(
        end="fail",
        after=after,
        reason="Failed",
        message=f"container {container} exited with {code}",
        exit_codes={container: code},
    )


def evicted(after: float = 1.0) -> Outcome:
    return Outcome(
        end="fail",
        after=after,
        cause=Cause.DISRUPTION,
        reason="Evicted",
        message="the node was low on memory",
    )


def out_of_memory(after: float = 1.0, needs: str = "") -> Outcome:
    """Killed for want of memory; with `needs` only while the attempt has less than that."""
    return Outcome(
        end="fail",
        after=after,
        cause=Cause.OUT_OF_MEMORY,
        reason="OOMKilled",
        message="container main exited with 137 (OOMKilled)",
        exit_codes={"main": 137},
        needs=needs,
    )


def stuck(after: float = 1.0, stopping: float = 0.0) -> Outcome:
    """It never runs: its image cannot be pulled, and its Job goes on trying."""
    return Outcome(
        end="stick",
        after=after,
        stopping=stopping,
        cause=Cause.CONFIGURATION,
        reason="ImagePullBackOff",
        message="container main cannot run: ImagePullBackOff",
    )


def vanish(after: float = 1.0) -> Outcome:
    """Somebody deletes the Job."""
    return Outcome(end="vanish", after=after)


def rejected(message: str = "spec is invalid") -> Outcome:
    return Outcome(end="reject", cause=Cause.REJECTED, message=message)


def blocked(times: int = 1, message: str = "exceeded quota") -> Outcome:
    """The Job cannot be created a few times, and then runs a second and succeeds."""
    return Outcome(end="block", times=times, reason="Blocked", message=message)


def hang(stopping: float = 0.0, code: int | None = None, recheck: float | None = None) -> Outcome:
    """It runs until it is stopped, which takes a while; an earlier pod of it ended with `code`."""
    codes = {} if code is None else {"main": code}
    return Outcome(end="hang", stopping=stopping, exit_codes=codes, recheck=recheck)
