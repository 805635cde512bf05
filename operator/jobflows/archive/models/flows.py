"""A flow, its document and labels, its runs, and the steps of each run."""

from __future__ import annotations

from sqlalchemy import Index, Integer
from sqlalchemy.orm import Mapped, mapped_column

from jobflows.archive.models.base import BY_KEY, Base


class Flow(Base):
    """A JobFlow of a cluster, or a run of one machine."""

    __tablename__ = "flows"
    __table_args__ = (
        Index("flows_by_time", "created", "id"),
        Index("flows_by_name", "name", "created"),
        Index("flows_by_end", "finished"),
        Index("flows_by_user", "created_by", "created", "id"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    """UID of the JobFlow, or id of the run of one machine."""
    origin: Mapped[str]
    """The cluster's name, or `local`."""
    namespace: Mapped[str]
    """Empty on one machine."""
    name: Mapped[str]
    """Of the JobFlow, or of the run of one machine."""
    family: Mapped[str]
    """What repeats: the flow's generateName, or else its name."""
    phase: Mapped[str]
    """Where it stands, as in its status."""
    reason: Mapped[str]
    """One CamelCase word that says why."""
    message: Mapped[str]
    """One sentence that says why."""
    run: Mapped[int] = mapped_column(Integer)
    """Number of its newest run; a resume begins another."""
    created: Mapped[float]
    """When it was created."""
    started: Mapped[float | None]
    """When its newest run was taken up."""
    finished: Mapped[float | None]
    """When its newest run ended."""
    deleted: Mapped[float | None]
    """When it was seen to be gone."""
    completed: Mapped[int] = mapped_column(Integer)
    """Steps that will not run again."""
    total: Mapped[int] = mapped_column(Integer)
    """All steps."""
    created_by: Mapped[str] = mapped_column(server_default="")
    """Who created it; empty when nobody said."""
    version: Mapped[int]
    """resourceVersion, or microseconds on one machine."""


class Document(Base):
    """The flow itself, as it was last seen."""

    __tablename__ = "documents"

    flow_id: Mapped[str] = mapped_column(primary_key=True)
    """Its flow."""
    document: Mapped[str]
    """JSON: apiVersion, kind, metadata, spec."""
    version: Mapped[int]
    """As of the flow, when it was last seen to change."""


class Label(Base):
    """A label of a flow, to find flows by it, the newest first."""

    __tablename__ = "labels"
    __table_args__ = (Index("labels_by_flow", "flow_id"), BY_KEY)

    key: Mapped[str] = mapped_column(primary_key=True)
    """As in metadata.labels."""
    value: Mapped[str] = mapped_column(primary_key=True)
    """As in metadata.labels."""
    created: Mapped[float] = mapped_column(primary_key=True)
    """As of the flow."""
    flow_id: Mapped[str] = mapped_column(primary_key=True)
    """The flow."""


class Run(Base):
    """One run of a flow: the first, and one for each resume."""

    __tablename__ = "runs"

    flow_id: Mapped[str] = mapped_column(primary_key=True)
    """Its flow."""
    run: Mapped[int] = mapped_column(Integer, primary_key=True)
    """Its number, from 1."""
    phase: Mapped[str]
    """How it stood when it was last seen."""
    reason: Mapped[str]
    """One CamelCase word that says why."""
    message: Mapped[str]
    """One sentence that says why."""
    started: Mapped[float | None]
    """When it was taken up."""
    finished: Mapped[float | None]
    """When it ended."""
    completed: Mapped[int] = mapped_column(Integer)
    """Steps that will not run again."""
    total: Mapped[int] = mapped_column(Integer)
    """All steps."""
    version: Mapped[int]
    """As of the flow."""


class Step(Base):
    """A step in one run."""

    __tablename__ = "steps"

    flow_id: Mapped[str] = mapped_column(primary_key=True)
    """Its flow."""
    run: Mapped[int] = mapped_column(Integer, primary_key=True)
    """The run."""
    step: Mapped[str] = mapped_column(primary_key=True)
    """Its name."""
    position: Mapped[int] = mapped_column(Integer)
    """Its place in the flow."""
    on_exit: Mapped[bool]
    """Whether it is an exit handler."""
    kind_id: Mapped[str]
    """What it is compared with."""
    phase: Mapped[str]
    """Where it stands, as in the flow's status."""
    reason: Mapped[str]
    """One CamelCase word that says why."""
    message: Mapped[str]
    """One sentence that says why."""
    started: Mapped[float | None]
    """When its first attempt of the run was started."""
    finished: Mapped[float | None]
    """When it reached its last phase."""
    attempts: Mapped[int] = mapped_column(Integer)
    """Number of its newest attempt; runs count on."""
    retries: Mapped[int] = mapped_column(Integer)
    """Attempts after application failures."""
    out_of_memory: Mapped[int] = mapped_column(Integer)
    """Attempts after one that ran out of memory."""
    timeouts: Mapped[int] = mapped_column(Integer)
    """Attempts after one that took too long."""
    losses: Mapped[int] = mapped_column(Integer)
    """Attempts after preemption, eviction or node loss."""
    outputs: Mapped[str]
    """JSON: values of outputs.parameters."""
    tasks: Mapped[str]
    """JSON: where the tasks of an array stand; empty for other steps."""
    version: Mapped[int]
    """As of the flow."""


class Chunking(Base):
    """How a map step was cut into tasks, and what its tasks measured together."""

    __tablename__ = "chunkings"

    flow_id: Mapped[str] = mapped_column(primary_key=True)
    """Its flow."""
    run: Mapped[int] = mapped_column(Integer, primary_key=True)
    """The run."""
    step: Mapped[str] = mapped_column(primary_key=True)
    """The step."""
    function: Mapped[str]
    """The function."""
    items_per_task: Mapped[int | None] = mapped_column(Integer)
    """Items of each task."""
    reason: Mapped[str]
    """Why so many."""
    tasks: Mapped[int]
    """Tasks whose summary is in here."""
    items: Mapped[int]
    """Their items."""
    done: Mapped[int]
    """Items whose function returned a value."""
    failed: Mapped[int]
    """Items whose function failed."""
    skipped: Mapped[int]
    """Items that an attempt before had done."""
    workers: Mapped[int | None] = mapped_column(Integer)
    """Processes or threads, the most in one pod."""
    claim_items: Mapped[float | None]
    """Items that a worker took at a time, on average."""
    seconds: Mapped[float | None]
    """Seconds that the tasks ran, added up."""
    item_seconds: Mapped[float | None]
    """Seconds in the function, on average."""
    cpu_seconds: Mapped[float | None]
    """Seconds of CPU, added up."""
    speedup: Mapped[float | None]
    """How many items ran at once, on average."""
    predicted_speedup: Mapped[float | None]
    """What was predicted of it."""
    efficiency: Mapped[float | None]
    """The speedup by workers."""
    peak_memory: Mapped[int | None]
    """Bytes, the most in one pod."""
    deaths: Mapped[int] = mapped_column(Integer)
    """Workers that were killed, and replaced."""
    version: Mapped[int]
    """As of the flow."""
