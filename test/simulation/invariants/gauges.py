"""Gauges: what is measured of things that are over is nothing."""

from __future__ import annotations

from simulation.facts import ENDED
from simulation.invariants.invariant import Invariant


class GaugesReturn(Invariant):
    """When all flows have ended, the operator counts nothing that runs, and nobody who waits."""

    name = "gauges-return"

    def rested(self) -> None:
        if any(flow.phase not in ENDED for flow in self.scene.left()):
            return
        for operator in self.scene.stage.operators:
            admission = operator.admission  # which both gauges are read from
            for what, counts in (("run", admission.in_use()), ("wait", admission.waiting())):
                if any(counts.values()):
                    self.broken(f"{dict(counts)} are said to {what}, and all flows have ended")
