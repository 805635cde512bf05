"""What ran, how long, with which resources, why it failed: a database of flows that have been.

`models` are the tables. Whoever watches flows makes `facts`, `writing` makes rows of them, and the
`*_queries` are what pages and commands ask. SQLite or PostgreSQL, by SQLAlchemy Core; nothing here
knows of clusters or processes.
"""

from jobflows.archive.attempt_queries import (
    AttemptFilter,
    AttemptInfo,
    ErrorCluster,
    ErrorFilter,
    KindFilter,
    KindInfo,
    attempt,
    attempts,
    errors,
    kind,
    kinds,
    log_tail,
    points,
    usage,
)
from jobflows.archive.errors import ArchiveError
from jobflows.archive.facts import (
    LOCAL,
    AttemptFact,
    Fact,
    FlowFact,
    GoneFact,
    KindOf,
    Known,
    MeasuredBy,
    TasksFact,
)
from jobflows.archive.flow_queries import (
    ChunkingInfo,
    DayCount,
    FlowFilter,
    FlowInfo,
    RunInfo,
    StepInfo,
    chunkings,
    document,
    find_flow,
    flow,
    flows,
    namespaces,
    runs,
    step_page,
    steps,
    summary,
)
from jobflows.archive.models import NO_TASK
from jobflows.archive.paging import Page
from jobflows.archive.store import Archive

__all__ = [
    "LOCAL",
    "NO_TASK",
    "Archive",
    "ArchiveError",
    "AttemptFact",
    "AttemptFilter",
    "AttemptInfo",
    "ChunkingInfo",
    "DayCount",
    "ErrorCluster",
    "ErrorFilter",
    "Fact",
    "FlowFact",
    "FlowFilter",
    "FlowInfo",
    "GoneFact",
    "KindFilter",
    "KindInfo",
    "KindOf",
    "Known",
    "MeasuredBy",
    "Page",
    "RunInfo",
    "StepInfo",
    "TasksFact",
    "attempt",
    "attempts",
    "chunkings",
    "document",
    "errors",
    "find_flow",
    "flow",
    "flows",
    "kind",
    "kinds",
    "log_tail",
    "namespaces",
    "points",
    "runs",
    "step_page",
    "steps",
    "summary",
    "usage",
]
