"""What an accepted flow goes through until it has ended, without a cluster.

It is compiled, planned on virtual time, each attempt is built as a Job, and each status goes
through JSON. All attempts succeed and say what flows of the corpus look for.
"""

from __future__ import annotations

import json

from engine.array_world import ArrayWorld
from jobflows.api.model import JobFlow
from jobflows.engine import CompiledFlow, StartAttempt
from jobflows.manifests.job import build_job
from jobflows.manifests.resources import build_resources

MOST_TASKS = 200
"""A flow of more tasks takes too long here."""

SAID = json.dumps({"rows": "7", "files": ["a", "b"], "map": {"items": 2, "done": 2}})


class _World(ArrayWorld):
    def _start(self, action: StartAttempt) -> None:
        json.dumps(build_job(self.flow, action), allow_nan=False)
        super()._start(action)


def live(flow: JobFlow) -> ArrayWorld:
    """Run it to its end, or to where it waits for somebody."""
    compiled = CompiledFlow.compile(flow)
    json.dumps(build_resources(compiled), allow_nan=False)
    world = _World(compiled, says=lambda *_: SAID)
    world.approvals = {step.name: True for step in compiled.steps if step.is_manual}
    return world.run(10_000_000)


def is_small(flow: JobFlow) -> bool:
    arrays = [step.array for step in flow.spec.all_steps if step.array is not None]
    return all((array.count or 0) <= MOST_TASKS for array in arrays)
