"""One step of a run, by default the newest; a flow may have ten thousand."""

from __future__ import annotations

from sqlalchemy import Connection, select

from jobflows.archive import FlowInfo, StepInfo
from jobflows.archive.flow_queries import columns_of
from jobflows.archive.models import Step


def one_step(
    connection: Connection, flow: FlowInfo, name: str, *, run: int | None = None
) -> StepInfo | None:
    """It, or None."""
    asked = select(*columns_of(Step, StepInfo)).where(
        Step.flow_id == flow.id, Step.run == (run or flow.run), Step.step == name
    )
    row = connection.execute(asked).first()
    return None if row is None else StepInfo(*row)
