"""How a workflow and its tasks stand, read from the ledger of its run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jobflows.engine import CompiledFlow, Ledger, StepRecord
    from jobflows.local import AttemptInfo
    from jobflows.sdk.flow import Place
    from jobflows.sdk.tasks import Task


class TaskStatus(StrEnum):
    """What became of a task. `SKIPPED`: it never ran, since a task before it failed."""

    PENDING = "Pending"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    SKIPPED = "Skipped"


_STATUS = {str(status): status for status in TaskStatus}


@dataclass(frozen=True, slots=True)
class TaskError:
    """An attempt of a task that failed."""

    attempt: int
    """Number of the attempt, from 1."""
    cause: str
    """`Application`, `OutOfMemory`, `Timeout`, `Disruption` and so on."""
    message: str
    """What the program said last, or why it could not run."""
    exit_code: int | None = None
    """Of the process; None where there was none."""
    log: Path | None = None
    """Directory with what it printed, on this machine."""


@dataclass(frozen=True, slots=True)
class WorkflowStatus:
    """How a workflow stands, or how its run ended."""

    name: str
    """Name of the run, for `jobflow status` and the other commands."""
    phase: str
    """`Pending`, `Running`, `Paused`, `Suspended`, `Succeeded` or `Failed`."""
    reason: str
    """Why, in one word."""
    message: str
    """Why, in a sentence."""
    tasks: Mapping[TaskStatus, int]
    """How many tasks are in each state."""
    place: str
    """Where it runs: a directory of this machine, or a namespace of a cluster."""

    @property
    def succeeded(self) -> bool:
        """Whether all tasks have succeeded."""
        return self.phase == "Succeeded"

    @property
    def is_done(self) -> bool:
        """Whether nothing runs any more, unless it is resumed."""
        return self.phase in ("Succeeded", "Failed")

    def __str__(self) -> str:
        counts = ", ".join(f"{count} {status.lower()}" for status, count in self.tasks.items())
        why = f": {self.message}" if self.message and not self.succeeded else ""
        return f"{self.name} {self.phase} ({counts}){why}"


class Standing:
    """What is known of a run: the ledger of its flow, and on this machine its attempts."""

    def __init__(
        self,
        flow: CompiledFlow,
        ledger: Ledger,
        places: Mapping[Task, Place],
        *,
        where: str,
        attempts: Sequence[AttemptInfo] | None = None,
    ) -> None:
        self._ledger = ledger
        self._name = flow.name
        self._places = places
        self._where = where
        self._records = dict(zip(flow.graph.names, ledger.steps, strict=False))
        self._failed: dict[tuple[str, int | None], list[TaskError]] | None = None
        self._newest: dict[tuple[str, int | None], AttemptInfo] = {}
        if attempts is not None:
            self._failed = {}
            for each in attempts:
                key = (each.step, each.task)
                self._newest[key] = each
                if each.phase in ("Failed", "Lost"):
                    self._failed.setdefault(key, []).append(_error(each))

    def status(self) -> WorkflowStatus:
        """All of it in numbers."""
        counts = Counter(self.of(task) for task in self._places)
        return WorkflowStatus(
            name=self._name,
            phase=str(self._ledger.phase),
            reason=str(self._ledger.reason),
            message=self._ledger.message,
            tasks={status: counts[status] for status in TaskStatus if counts[status]},
            place=self._where,
        )

    def of(self, task: Task) -> TaskStatus:
        """How one task stands."""
        place = self._places.get(task)
        record = self._records.get(place.step) if place is not None else None
        if place is None or record is None:
            return TaskStatus.PENDING
        if place.index is None or record.tasks is None:
            return _by_phase(record)
        tasks = record.tasks
        for status, members in (
            (TaskStatus.SUCCEEDED, tasks.succeeded),
            (TaskStatus.FAILED, tasks.failed),
            (TaskStatus.SKIPPED, tasks.skipped),
        ):
            if place.index in members:
                return status
        running = any(place.index in members for members in tasks.batches.values())
        return TaskStatus.RUNNING if running else TaskStatus.PENDING

    def errors(self, task: Task) -> list[TaskError]:
        """The failed attempts of one task."""
        place = self._places.get(task)
        if place is None:
            return []
        if self._failed is not None:
            return list(self._failed.get((place.step, place.index), ()))
        record = self._records.get(place.step)
        return list(_of_record(record, self.of(task))) if record is not None else []

    def newest(self, task: Task) -> AttemptInfo | None:
        """The newest attempt of one task, on this machine."""
        place = self._places.get(task)
        return self._newest.get((place.step, place.index)) if place is not None else None


def _by_phase(record: StepRecord) -> TaskStatus:
    return _STATUS.get(str(record.phase), TaskStatus.PENDING)


def _error(attempt: AttemptInfo) -> TaskError:
    return TaskError(
        attempt=attempt.attempt,
        cause=attempt.cause or attempt.phase,
        message=attempt.message,
        exit_code=attempt.exit_code,
        log=attempt.log,
    )


def _of_record(record: StepRecord, status: TaskStatus) -> Iterable[TaskError]:
    """What the status of a flow on a cluster remembers; of an array it is about all its tasks."""
    if record.tasks is not None:
        if status is TaskStatus.FAILED:
            yield TaskError(record.attempt, "", record.message)
        return
    for failed in record.failures:
        is_last = failed is record.failures[-1] and status is TaskStatus.FAILED
        message = record.message if is_last else str(failed.reason)
        yield TaskError(failed.number, str(failed.cause), message, failed.exit_code)
