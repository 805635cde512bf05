"""How many attempts of a step are in which phase."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from jobflows.archive.models import Attempt


def by_phase(connection: Connection, flow: str, step: str) -> dict[str, int]:
    """Of all runs of a flow."""
    asked = (
        select(Attempt.phase, func.count())
        .where(Attempt.flow_id == flow, Attempt.step == step)
        .group_by(Attempt.phase)
    )
    found: dict[str, int] = {}
    for phase, count in connection.execute(asked):
        found[phase] = count
    return found
