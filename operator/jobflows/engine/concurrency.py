"""Which flows of one concurrency group may run at the same time.

Age decides, counted from a flow's creation or from the resume that began its run, so that every
observer comes to the same answer without asking the others. Creation times have a resolution of
one second: of flows with the same one, those that have started are the older ones, and else the UID
decides. Forbid waits for every older flow; Replace asks every older flow to stop, and waits until
they have. A flow that has ended counts as long as something of it still runs: a pod that is stopped
takes its time, and must not meet those of the next flow.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from jobflows.engine.flow import CompiledFlow
from jobflows.engine.ledger import Ledger
from jobflows.engine.observations import Peer


class Admission(Enum):
    GO = "go"
    WAIT = "wait"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class AdmissionDecision:
    admission: Admission
    message: str = ""


_GO = AdmissionDecision(Admission.GO)


def admit(flow: CompiledFlow, ledger: Ledger, peers: Iterable[Peer]) -> AdmissionDecision:
    """Decide whether `flow` may go on, given the unfinished flows of its group."""
    if not flow.group:
        return _GO
    started = ledger.started is not None
    mine = (max(flow.created, ledger.resume.at or 0.0), not started, flow.uid)
    older: list[Peer] = []
    for peer in peers:
        if (peer.created, not peer.started, peer.uid) < mine:
            older.append(peer)
        elif peer.replaces and not peer.phase.terminal:
            return AdmissionDecision(Admission.STOP, f"replaced by the newer flow {peer.name}")
    if started or flow.policy.concurrency_policy == "Allow" or not older:
        return _GO
    names = ", ".join(sorted(peer.name for peer in older)[:3])
    more = f" and {len(older) - 3} more" if len(older) > 3 else ""
    return AdmissionDecision(
        Admission.WAIT, f"waits for {names}{more} of concurrency group {flow.group}"
    )
