"""Answers to Manual steps: given before on the command line, or asked for on the terminal.

Never waits for an answer that nobody thinks of: without a terminal a step that was not approved
before is rejected, and the reason says how to approve it, unless the run was told to wait for
`jobflow approve`. An answer that comes so ends a question on the terminal, too.
"""

import asyncio
import sys
from collections.abc import Collection, Iterable

import typer

from jobflows.api.spec import Step
from jobflows.api.validation.problems import listed
from jobflows.cli.progress import Progress

ALL = "all"


def check_approvals(steps: Iterable[Step], approved: Collection[str]) -> None:
    """Refuse names that are no Manual steps of a flow with these steps."""
    manual = [step.name for step in steps if step.type == "Manual"]
    for name in approved:
        if name != ALL and name not in manual:
            has = f"it has {listed(manual)}" if manual else "it has none"
            raise typer.BadParameter(f"--approve {name}: the flow has no such Manual step, {has}")


class Approvals:
    """Approves and rejects Manual steps of one run. `reasons` says why steps were rejected."""

    def __init__(
        self, approved: Collection[str], progress: Progress, *, may_ask: bool, may_wait: bool
    ) -> None:
        self._approved = approved
        self._progress = progress
        self._may_ask = may_ask
        self._may_wait = may_wait
        self._one_at_a_time = asyncio.Lock()
        self.reasons: dict[str, str] = {}
        self._run = ""

    def begins(self, run: str, progress: Progress) -> None:
        """The run has a name now, and is shown by `progress`."""
        self._run, self._progress = run, progress

    async def __call__(self, step: str, message: str) -> bool:
        """Whether `step` is approved; asks when it has to and can."""
        if ALL in self._approved or step in self._approved:
            return True
        if self._may_wait:
            self._progress.say(f"{step} waits for `jobflow approve {self._run} {step}`")
            await asyncio.Event().wait()  # until it is withdrawn
        if not self._may_ask:
            self.reasons[step] = (
                f"rejected, because there is no terminal to ask on; approve with --approve {step}"
            )
            self._progress.say(f"{step}: {self.reasons[step]}")
            return False
        async with self._one_at_a_time:
            self._progress.pause()
            try:
                return await self._ask(step, message)
            finally:
                self._progress.go_on()

    async def _ask(self, step: str, message: str) -> bool:
        question = f"{step}: {message}\nApprove? [y/n] "
        while True:
            print(question, end="", file=sys.stderr, flush=True)
            answer = (await _line()).strip().lower()
            if answer in ("y", "yes"):
                return True
            if answer in ("n", "no", ""):
                self.reasons[step] = "rejected on the terminal"
                return False
            question = "Please answer y or n: "


async def _line() -> str:
    """One line from the terminal. No thread: one that waits for input would outlive Ctrl-C."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(sys.stdin.fileno())
    return sys.stdin.readline()
