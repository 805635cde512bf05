"""What is known of the tasks of a flow, from where the flow is.

Of a run of this machine every attempt is on record; a cluster's status has the times of steps and
the summaries of maps. An archive has the attempts of all runs of the flow, and says the numbers
that its pages say.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

import typer

from jobflows.cli.archived import HERE, ArchivedFlows
from jobflows.cli.place import Place
from jobflows.cli.usage.samples import by_step, by_template, of_ledger
from jobflows.steering.machine import LocalRuns
from jobflows.usage import Usage, of_attempts

DatabaseOption = Annotated[
    str,
    typer.Option(
        "--database",
        metavar="URL",
        help="Count all runs of the flow in an archive, such as postgresql://user@host/database; "
        f"{HERE}: in that of this machine.",
    ),
]


class By(StrEnum):
    """What is one line."""

    STEP = "step"
    TEMPLATE = "template"


@dataclass(frozen=True, slots=True)
class Measured:
    """A flow, and what its tasks have used, each kind in the order of the flow."""

    name: str
    namespace: str
    document: Mapping[str, Any]
    by: By
    usage: Sequence[Usage]


async def gather(place: Place | ArchivedFlows, name: str, by: By) -> Measured:
    """What is known, by step or by template; in an archive steps that share one are together."""
    if isinstance(place, ArchivedFlows):
        flow = place.find(name)
        found = place.usage(flow)
        return Measured(flow.name, flow.namespace, place.document(flow), By.TEMPLATE, found)
    loaded = await place.load(name)
    groups = by_step(loaded.flow) if by is By.STEP else by_template(loaded.flow)
    if isinstance(place, LocalRuns):
        run = place.stored(name)
        document, found = run.document(), of_attempts(run.attempts(), groups)
    else:
        document = loaded.record.document()
        found = of_ledger(loaded.flow, loaded.ledger, groups)
    order = {group: number for number, group in enumerate(dict.fromkeys(groups.values()))}
    found.sort(key=lambda each: order[each.name])
    return Measured(loaded.flow.name, loaded.flow.namespace, document, by, found)
