"""What must hold in every world, one policy a file. `RULES` is all of it."""

from simulation.invariants.attempts import (
    BudgetsKept,
    NothingFinishedRunsAgain,
    OneLiveJob,
    TerminalStays,
)
from simulation.invariants.calls import NoErrors, QuietAtRest, WritesBounded
from simulation.invariants.cleaning import NothingOrphaned, NothingRunsOn, OutcomesBeforeDeletion
from simulation.invariants.ends import EndsAreExplained, EveryFlowEnds, OutcomeIsDue
from simulation.invariants.gauges import GaugesReturn
from simulation.invariants.invariant import Breach, Invariant
from simulation.invariants.late import LateJobsGo
from simulation.invariants.ledger import StatusAgrees, StatusSmall
from simulation.invariants.limits import GroupsHold, LimitsHold, LocksHold
from simulation.invariants.order import DependenciesFirst, ValuesArrive
from simulation.invariants.owners import NoPause, OneOwner, ShardsAreOwned
from simulation.invariants.people import ApprovalsNeeded, StopsObeyed, SuspensionObeyed

RULES: tuple[type[Invariant], ...] = (
    NothingFinishedRunsAgain,
    LateJobsGo,
    OneLiveJob,
    BudgetsKept,
    TerminalStays,
    DependenciesFirst,
    ValuesArrive,
    EveryFlowEnds,
    OutcomeIsDue,
    EndsAreExplained,
    LimitsHold,
    LocksHold,
    GroupsHold,
    NothingOrphaned,
    NothingRunsOn,
    OutcomesBeforeDeletion,
    StatusAgrees,
    StatusSmall,
    WritesBounded,
    QuietAtRest,
    GaugesReturn,
    NoErrors,
    StopsObeyed,
    ApprovalsNeeded,
    SuspensionObeyed,
    OneOwner,
    ShardsAreOwned,
    NoPause,
)

__all__ = ["RULES", "Breach", "Invariant"]
