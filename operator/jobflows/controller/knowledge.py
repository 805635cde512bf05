"""What functions of map steps have measured: for the next flow of the namespace that maps one.

It is kept in memory only. After a restart it is found again in the statuses of the flows that are
still there, so what is known of a function lives as long as the last flow that ran it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jobflows.engine import CompiledFlow, Instant, Ledger
from jobflows.engine.mapping import Measured, read_map


class Knowledge:
    """The newest measures of each function, by namespace."""

    def __init__(self) -> None:
        self._known: dict[str, dict[str, Measured]] = {}
        self._since: dict[tuple[str, str], Instant] = {}

    def of(self, namespace: str) -> Mapping[str, Measured]:
        """Measures by function."""
        return self._known.get(namespace, {})

    def learn(self, flow: CompiledFlow, ledger: Ledger, now: Instant) -> None:
        """Take in what the map steps of a flow have measured so far."""
        for i in flow.maps if ledger.steps else ():
            record = ledger.steps[i]
            if record.map is not None and record.map.measured is not None:
                at = now if record.finished is None else record.finished
                self._keep(flow.namespace, record.map.function, record.map.measured, at)

    def recall(self, namespace: str, written: Mapping[str, Any], at: Instant) -> None:
        """Take in what the status of a flow says that ended at `at`."""
        record = read_map(written)
        if record.measured is not None:
            self._keep(namespace, record.function, record.measured, at)

    def _keep(self, namespace: str, function: str, measured: Measured, at: Instant) -> None:
        if measured.ran and at >= self._since.get((namespace, function), at):
            self._known.setdefault(namespace, {})[function] = measured
            self._since[namespace, function] = at
