"""What the operator was to need, and what it did need: missed budgets are shown like kept ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Results = Mapping[str, Mapping[str, Any]]
"""Figures by scenario."""


@dataclass(frozen=True, slots=True)
class Budget:
    """`figure` is a path such as `reconcile_s.p95` into the figures of a scenario."""

    what: str
    scenario: str
    figure: str
    goal: float
    unit: str = ""
    scale: float = 1.0

    def measured(self, results: Results) -> float | None:
        """In the goal's unit; None if there is no result."""
        value: Any = results.get(self.scenario)
        for part in self.figure.split("."):
            value = None if value is None else value.get(part)
        return None if value is None else float(value) * self.scale

    def row(self, results: Results) -> tuple[str, str, str, str]:
        value = self.measured(results)
        unit = f" {self.unit}" if self.unit else ""
        if value is None:
            return self.what, f"{self.goal:g}{unit}", "not measured", ""
        kept = "yes" if value <= self.goal else "**no**"
        return self.what, f"{self.goal:g}{unit}", f"{value:.3g}{unit}", kept


BUDGETS = (
    Budget("reconcile, p95, 1,000 active flows", "thousand", "reconcile_s.p95", 50, "ms", 1000),
    Budget("wait in the queue, p95, the same", "thousand", "queue_wait_s.p95", 200, "ms", 1000),
    Budget("API writes a step, the same", "thousand", "writes_a_piece", 1.2),
    Budget("operator CPU for 1,000 steps, the same", "thousand", "cpu_s_per_1000", 2, "s"),
    Budget("peak memory, the same", "thousand", "peak_mib", 150, "MiB"),
    Budget("CPU while idle, 10,000 finished flows", "resident", "idle_core", 2, "% of a core", 100),
    Budget("memory, the same", "resident", "mib", 400, "MiB"),
    Budget("API writes while nothing changes, a minute", "resident", "idle_writes", 0),
    Budget("start, 10,000 flows and 50,000 Jobs", "resident", "start_s", 20, "s"),
    Budget("CPU of that start", "resident", "start_cpu_s", 20, "s"),
    Budget("status of a flow of 10,000 steps", "steps", "status_kb", 300, "kB"),
    Budget("API writes a step, the same", "steps", "writes_a_piece", 1.2),
    Budget("status of an array of 100,000 tasks", "array", "status_kb", 300, "kB"),
    Budget("API writes a task, the same", "array", "writes_a_piece", 0.02),
    Budget("wait in the queue, p95, 50 flows/s", "burst", "queue_wait_s.p95", 200, "ms", 1000),
    Budget("reconcile, p95, the same", "burst", "reconcile_s.p95", 50, "ms", 1000),
)
