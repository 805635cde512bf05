"""Orders to runs of this machine: the same changes of a run's document as from a terminal."""

from __future__ import annotations

import asyncio
from pathlib import Path

from jobflows.archive import FlowInfo
from jobflows.local import LocalRunError, Store, StoredRun
from jobflows.steering.errors import SteerError
from jobflows.steering.machine import LocalRuns
from jobflows.web.actions import Order, follow
from jobflows.web.forms import RefusedError
from jobflows.web.reader import Reader


class MachineOrders:
    """Orders to the runs that are kept in `home`."""

    resumes = False
    """A run goes on in the program that resumes it, which may ask for approvals and for values
    that are not stored: that is a terminal's."""

    def __init__(self, home: Path) -> None:
        self._home = home

    def possible(self, flow: FlowInfo, reader: Reader | None = None) -> bool:
        """Whether that is a run of this machine."""
        del reader
        with Store.open(self._home) as store:
            return _exactly(store, flow.id) is not None

    def give(self, flow: FlowInfo, order: Order, reader: Reader | None = None) -> None:
        """Give an order; raises `RefusedError`."""
        del reader
        try:
            with Store.open(self._home) as store:
                run = _exactly(store, flow.id)
                if run is None:
                    raise RefusedError("that is no run of this machine")
                if order.name == "resume":
                    raise RefusedError(f"on this machine: jobflow resume {run.info.name}")
                asyncio.run(follow(LocalRuns(store), run.info.name, order))
        except (LocalRunError, SteerError) as error:
            raise RefusedError(str(error)) from error


def _exactly(store: Store, flow: str) -> StoredRun | None:
    run = store.find(flow)
    return run if run is not None and run.info.id == flow else None
