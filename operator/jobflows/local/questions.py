"""Manual steps of a run: somebody in this program is asked, unless the answer comes from elsewhere.

Without an approver the answer can only come from elsewhere: `jobflow approve`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from jobflows.engine import CompiledFlow, Ledger, StepPhase

Approver = Callable[[str, str], Awaitable[bool]]
"""Asks a person: (step, message) -> approved."""


class Questions:
    """What is asked at the moment, and the answers so far."""

    def __init__(self, approver: Approver | None, answered: Callable[[], None]) -> None:
        self._approver = approver
        self._answered = answered
        self._open: dict[str, asyncio.Task[None]] = {}
        self.answers: dict[str, bool] = {}

    def follow(self, flow: CompiledFlow, ledger: Ledger) -> None:
        """Ask what has to be asked, and withdraw what nobody needs an answer to any more."""
        if self._approver is None:
            return
        for i in flow.manual:
            name, record = flow.graph.names[i], ledger.steps[i]
            asks = record.phase is StepPhase.PENDING_APPROVAL
            if asks and name not in self._open:
                self._open[name] = asyncio.create_task(self._ask(name, record.message))
            elif not asks and name in self._open:
                self._open.pop(name).cancel()
                self.answers.pop(name, None)  # a resumed run asks again

    def end(self) -> list[asyncio.Task[None]]:
        """Withdraw all, and return what has to be waited for."""
        for task in self._open.values():
            task.cancel()
        return [*self._open.values()]

    @property
    def error(self) -> BaseException | None:
        """What an approver has raised; the run must not wait for its answer."""
        ended = (t for t in self._open.values() if t.done() and not t.cancelled())
        return next((error for t in ended if (error := t.exception()) is not None), None)

    async def _ask(self, name: str, message: str) -> None:
        assert self._approver is not None
        try:
            self.answers[name] = await self._approver(name, message)
        finally:
            self._answered()
