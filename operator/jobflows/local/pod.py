"""One pod: init containers one after another, then all containers at once.

It has failed when a container has; the others may finish first, as on a cluster.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from jobflows.engine import Cause
from jobflows.local.command import Command
from jobflows.local.process import NOT_EXECUTABLE, NOT_FOUND, Host, Process
from jobflows.local.termination import read_message, read_tail
from jobflows.local.usage import NOTHING, Usage

MAIN = "main"

OOM_KILLED = "OOMKilled"
"""What a container runtime says of a container that was killed for want of memory."""


@dataclass(frozen=True, slots=True)
class PodResult:
    """How a pod ended. `exit_codes` are those of failed containers, `message` tells the first."""

    exit_codes: Mapping[str, int] = field(default_factory=dict)
    reason: str = ""
    message: str = ""
    output: str = ""
    """Termination message of the container `main`, or of the first one."""
    cause: Cause = Cause.APPLICATION

    @property
    def succeeded(self) -> bool:
        return not self.exit_codes and not self.reason


class Pod:
    """A pod's commands, to be run once."""

    def __init__(
        self,
        init: Sequence[Command],
        main: Sequence[Command],
        *,
        host: Host,
        grace: float,
        deadline: float | None,
    ) -> None:
        self._init = init
        self._main = main
        self._host = host
        self._grace = grace
        self._deadline = deadline
        self._running: set[Process] = set()
        self._stopped = False
        self._late = False
        self._starved: set[str] = set()
        """Containers that were killed for want of memory."""
        self.usage = NOTHING
        """What its processes have used so far."""

    async def run(self) -> PodResult:
        """Run it to its end."""
        timer = None
        if self._deadline is not None:
            timer = asyncio.get_running_loop().call_later(self._deadline, self._expire)
        try:
            return await self._run()
        finally:
            if timer is not None:
                timer.cancel()
            for process in self._running:  # only when this is cancelled
                process.kill()

    def stop(self) -> None:
        """End what runs with the pod's grace period, and start nothing more."""
        self._stopped = True
        for process in self._running:
            process.stop(self._grace)

    def kill(self) -> None:
        """End what runs at once, and start nothing more."""
        self._stopped = True
        for process in self._running:
            process.kill()

    def _expire(self) -> None:
        self._late = True
        self.stop()

    async def _run(self) -> PodResult:
        for command in self._init:
            codes = await self._together([command])
            if codes or self._stopped:
                return self._failed([command], codes)
        codes = await self._together(self._main)
        if codes or self._late:
            return self._failed(self._main, codes)
        main = next((c for c in self._main if c.container == MAIN), self._main[0])
        return PodResult(output=read_message(main.termination))

    async def _together(self, commands: Sequence[Command]) -> dict[str, int]:
        """Run some containers at once and return the exit codes of those that failed."""
        codes: dict[str, int] = {}
        started: list[tuple[str, Process]] = []
        used: Usage | None = None
        for command in commands:
            command.termination.unlink(missing_ok=True)  # of the try before
            try:
                process = Process(command, self._host)
            except (OSError, ValueError) as error:
                codes[command.container] = _explain(command, error)
                continue
            self._running.add(process)
            started.append((command.container, process))
        for name, process in started:
            ended = await process.exited
            self._running.discard(process)
            used = ended.usage if used is None else used.beside(ended.usage)
            if ended.out_of_memory:
                self._starved.add(name)
            if ended.code:
                codes[name] = ended.code
        self.usage = self.usage.after(used or NOTHING)
        return codes

    def _failed(self, commands: Sequence[Command], codes: Mapping[str, int]) -> PodResult:
        if self._late:
            words = f"the pod's activeDeadlineSeconds of {self._deadline:g} is over"
            return PodResult(codes, "DeadlineExceeded", words, cause=Cause.TIMEOUT)
        failed = [c for c in commands if c.container in codes]
        if not failed:
            return PodResult(codes, "Stopped", "stopped before its containers had started")
        starved = next((c for c in failed if c.container in self._starved), None)
        one = starved or failed[0]
        code = codes[one.container]
        why = f" ({OOM_KILLED})" if starved else _signal_name(code)
        words = f"container {one.container} exited with code {code}{why}"
        said = read_message(one.termination)
        if not said and one.logs_as_message:
            said = read_tail(one.log)
        words += f": {said.strip()}" if said.strip() else ""
        if starved:
            return PodResult(codes, OOM_KILLED, words, cause=Cause.OUT_OF_MEMORY)
        return PodResult(codes, "Error", words)


def _explain(command: Command, error: OSError | ValueError) -> int:
    """Write into the log why a command could not start, and return a shell's exit code for it."""
    program = command.argv[0]
    if isinstance(error, FileNotFoundError):
        words, code = f"command not found on this machine: {program}", NOT_FOUND
    elif isinstance(error, PermissionError):
        words, code = f"no permission to run {program}", NOT_EXECUTABLE
    elif isinstance(error, OSError):
        words, code = f"cannot run {program}: {error.strerror}", NOT_EXECUTABLE
    else:
        words, code = f"cannot run {program}: {error}", NOT_EXECUTABLE
    with command.log.open("a") as log:
        log.write(f"jobflow: {words}\n")
    if not command.logs_as_message:
        command.termination.write_text(words)
    return code


def _signal_name(code: int) -> str:
    with suppress(ValueError):
        if code > 128:
            return f" ({signal.Signals(code - 128).name})"
    return ""
