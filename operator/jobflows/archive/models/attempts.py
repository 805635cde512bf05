"""Attempts, what they are compared with, their logs, and what many fail with."""

from __future__ import annotations

from sqlalchemy import Index, Integer, text
from sqlalchemy.orm import Mapped, mapped_column

from jobflows.archive.models.base import BY_KEY, Base

NO_TASK = -1
"""`task` of an attempt that is not of an array: part of a key, so it cannot be null."""


class Kind(Base):
    """What is comparable: attempts of one template, or of one step, of all flows of a family."""

    __tablename__ = "kinds"
    __table_args__ = (Index("kinds_by_name", "family", "name", "id"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    """Hash of what follows."""
    origin: Mapped[str]
    """As of the flow."""
    namespace: Mapped[str]
    """As of the flow."""
    family: Mapped[str]
    """As of the flow."""
    name: Mapped[str]
    """The step's templateRef, or its name."""


class Attempt(Base):
    """One attempt of a step, or of one task of an array."""

    __tablename__ = "attempts"
    __table_args__ = (
        Index("attempts_by_kind", "kind_id", "finished"),
        Index("attempts_by_time", "finished"),
        Index(
            "attempts_by_error",
            *("error_id", "finished", "kind_id", "flow_id"),
            sqlite_where=text("error_id IS NOT NULL"),
            postgresql_where=text("error_id IS NOT NULL"),
        ),
        BY_KEY,
    )

    flow_id: Mapped[str] = mapped_column(primary_key=True)
    """Its flow."""
    step: Mapped[str] = mapped_column(primary_key=True)
    """The step."""
    attempt: Mapped[int] = mapped_column(Integer, primary_key=True)
    """Its number; runs count on. 0: of a task of an array, and nobody knows which it was."""
    task: Mapped[int] = mapped_column(Integer, primary_key=True)
    """Index in an array, -1 elsewhere."""
    run: Mapped[int] = mapped_column(Integer)
    """The run in which it was last seen."""
    kind_id: Mapped[str]
    """What it is compared with."""
    phase: Mapped[str]
    """Running, Succeeded, Failed, or Lost: its runner died."""
    cause: Mapped[str]
    """Why it failed, as in the flow's status; empty when it did not, or nobody could tell."""
    reason: Mapped[str]
    """One CamelCase word that says why, such as OOMKilled."""
    message: Mapped[str]
    """One sentence that says why."""
    exit_code: Mapped[int | None] = mapped_column(Integer)
    """Of the main container, or of the first that failed."""
    started: Mapped[float | None]
    """When its containers started."""
    finished: Mapped[float | None]
    """When it ended."""
    pod: Mapped[str]
    """Name of its pod; empty on one machine."""
    node: Mapped[str]
    """Where it ran."""
    memory: Mapped[int | None]
    """Memory limit of the main container."""
    memory_request: Mapped[int | None]
    """Memory request of the main container."""
    cpu: Mapped[int | None] = mapped_column(Integer)
    """CPU limit, or request, of the main container."""
    peak_memory: Mapped[int | None]
    """Bytes, of all its processes together."""
    cpu_seconds: Mapped[float | None]
    """Of all its processes."""
    measured_by: Mapped[str] = mapped_column(server_default="")
    """Who measured these two: `runtime`, what ran it; `metrics`, the metrics API now and then."""
    error_id: Mapped[str | None]
    """What it failed with; null when it did not."""
    version: Mapped[int]
    """How much is known, then when it was seen."""


class Log(Base):
    """The last lines of an attempt that failed."""

    __tablename__ = "logs"

    flow_id: Mapped[str] = mapped_column(primary_key=True)
    """As of the attempt."""
    step: Mapped[str] = mapped_column(primary_key=True)
    """As of the attempt."""
    attempt: Mapped[int] = mapped_column(Integer, primary_key=True)
    """As of the attempt."""
    task: Mapped[int] = mapped_column(Integer, primary_key=True)
    """As of the attempt."""
    tail: Mapped[str]
    """Up to 4 kB, without colours and control characters."""
    version: Mapped[int]
    """As of the attempt."""


class Error(Base):
    """What many attempts fail with: messages that differ only in numbers, names and paths."""

    __tablename__ = "errors"

    id: Mapped[str] = mapped_column(primary_key=True)
    """Hash of the cause and the pattern."""
    cause: Mapped[str]
    """As of the attempts."""
    pattern: Mapped[str]
    """The message with what differs replaced."""
    sample: Mapped[str]
    """One of the messages."""
