"""A run that has ended, for the program that ran it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jobflows.engine import CompiledFlow, FlowPhase, Ledger, write_status
from jobflows.local.store import Store
from jobflows.local.stored_run import AttemptInfo


@dataclass(frozen=True, slots=True)
class Outcome:
    """A run that has ended."""

    name: str
    id: str
    # Not shown: asyncio takes the text of a task's result, whether anybody reads it or not, and
    # that of ten thousand steps takes seconds.
    flow: CompiledFlow = field(repr=False)
    ledger: Ledger = field(repr=False)
    workdir: Path
    home: Path
    problem: str = ""
    """Why the store does not show the end of the run; empty when it does."""
    unarchived: str = ""
    """Why the archive does not have all of the run; empty when it does, or there is none."""

    @property
    def phase(self) -> FlowPhase:
        return self.ledger.phase

    @property
    def reason(self) -> str:
        return self.ledger.reason

    @property
    def message(self) -> str:
        return self.ledger.message

    @property
    def succeeded(self) -> bool:
        return self.phase is FlowPhase.SUCCEEDED

    @property
    def attempts(self) -> list[AttemptInfo]:
        """All attempts, those of earlier runners included."""
        with Store.open(self.home) as store:
            return store.run(self.id).attempts()

    def status(self) -> dict[str, Any]:
        """The same as the status of a JobFlow on a cluster."""
        return write_status(self.flow, self.ledger, self.ledger.finished or 0.0)
