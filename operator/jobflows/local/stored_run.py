"""One run as it is stored: what the commands and programs ask of it.

A reader sees what its runner has committed, from this process or another one.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobflows.api.containers import MAIN
from jobflows.api.model import JobFlow
from jobflows.engine import CompiledFlow, FlowPhase, Ledger, read_status, write_status
from jobflows.local.lock import RunLock
from jobflows.local.trouble import said

if TYPE_CHECKING:
    from jobflows.local.store import Store


_CHANGE = "UPDATE flows SET document = ?, generation = generation + 1 WHERE run = ?"


@dataclass(frozen=True, slots=True)
class RunInfo:
    """A run in brief. Times are UNIX seconds; `pid` and `host` are those of its last runner."""

    id: str
    name: str
    flow: str
    phase: FlowPhase
    reason: str
    message: str
    created: float
    started: float | None
    finished: float | None
    workdir: Path
    pid: int | None
    host: str
    executor: str
    parallelism: int | None
    completed: int
    total: int


@dataclass(frozen=True, slots=True)
class AttemptInfo:
    """One attempt of a step, or of a task of it.

    Memory is in bytes, `cpu` in thousandths of a core; `memory` is the limit of the main container.
    `peak_memory` is that of all its processes together, None when it ended before it was measured.
    """

    step: str
    attempt: int
    task: int | None
    phase: str
    """Running, Succeeded, Failed, or Lost: its runner died."""
    cause: str
    reason: str
    message: str
    exit_code: int | None
    started: float
    finished: float | None
    peak_memory: int | None
    cpu_seconds: float | None
    memory: int | None
    memory_request: int | None
    cpu: int | None
    log: Path
    """The attempt's directory."""

    @property
    def measured_by(self) -> str:
        """Who has measured what it used: nobody, or what ran it."""
        return "" if self.peak_memory is None and self.cpu_seconds is None else "runtime"


class StoredRun:
    """A run in the store."""

    def __init__(self, store: Store, number: int) -> None:
        self._store = store
        self.number = number

    @property
    def info(self) -> RunInfo:
        """How it stands in brief."""
        row = self._row(
            "SELECT id, name, flow, phase, reason, message, created, started, finished, workdir,"
            " pid, host, executor, width, completed, total FROM runs WHERE number = ?"
        )
        found = RunInfo(*row)
        return replace(found, phase=FlowPhase(found.phase), workdir=Path(found.workdir))

    @property
    def given(self) -> list[str]:
        """Names of parameters whose values were given and are not stored: they may be secret."""
        names: list[str] = json.loads(self._row("SELECT given FROM runs WHERE number = ?")[0])
        return names

    @property
    def lock(self) -> RunLock:
        """The lock that its runner holds."""
        return RunLock(self._store.home, self._row("SELECT id FROM runs WHERE number = ?")[0])

    @property
    def is_running(self) -> bool:
        """Whether somebody runs it now."""
        return self.lock.is_held()

    @property
    def generation(self) -> int:
        """Counts the changes of its document."""
        row = self._row("SELECT generation FROM flows WHERE run = ?")
        return int(row[0])

    def document(self) -> dict[str, Any]:
        """The flow that it runs, with annotations and the values of its parameters."""
        generation, text = self._row("SELECT generation, document FROM flows WHERE run = ?")
        found: dict[str, Any] = json.loads(text)
        found["metadata"]["generation"] = generation
        return found

    def flow(self) -> CompiledFlow:
        """The same, ready to be asked about."""
        return compile_checked(self.document(), self.info.created)

    def ledger(self, flow: CompiledFlow | None = None) -> Ledger:
        """All that is decided about it."""
        return read_status(flow or self.flow(), self._status())

    def status(self) -> dict[str, Any]:
        """The same as the status of a JobFlow on a cluster."""
        flow = self.flow()
        ledger = self.ledger(flow)
        return write_status(flow, ledger, 0.0) | {
            "estimatedCompletionTime": self._status().get("estimatedCompletionTime")
        }

    @property
    def last_end(self) -> float | None:
        """When the attempt ended that ended last."""
        found: float | None = self._row("SELECT MAX(finished) FROM attempts WHERE run = ?")[0]
        return found

    def attempts(self, step: str | None = None, task: int | None = None) -> list[AttemptInfo]:
        """Its attempts by step and number."""
        where, values = "run = ?", [self.number]  # type: tuple[str, list[Any]]
        if step is not None:
            where, values = f"{where} AND step = ?", [*values, step]
        if task is not None:
            where, values = f"{where} AND task = ?", [*values, task]
        columns = (
            "step, attempt, task, phase, cause, reason, message, exit_codes, started, finished,"
            " peak_memory, cpu_seconds, memory, memory_request, cpu"
        )
        query = f"SELECT {columns} FROM attempts WHERE {where} ORDER BY step, attempt"
        workdir = self.info.workdir
        rows = self._query(query, values)
        found = []
        for step_, attempt, task_, phase, cause, reason, message, codes, *rest in rows:
            started, finished, peak_memory, cpu_seconds, memory, memory_request, cpu = rest
            found.append(
                AttemptInfo(
                    step=step_,
                    attempt=attempt,
                    task=task_,
                    phase=phase,
                    cause=cause,
                    reason=reason,
                    message=message,
                    exit_code=_exit_code(phase, json.loads(codes)),
                    started=started,
                    finished=finished,
                    peak_memory=peak_memory,
                    cpu_seconds=cpu_seconds,
                    memory=memory,
                    memory_request=memory_request,
                    cpu=cpu,
                    log=workdir / step_ / str(attempt),
                )
            )
        order = {name: i for i, name in enumerate(self.names)} if step is None else {}
        return sorted(found, key=lambda a: (order.get(a.step, 0), a.attempt))

    def logs(self, step: str, attempt: int, *, container: str | None = None) -> list[Path]:
        """The log files of an attempt, the main container's first; of several pods by their index.

        Of a container only its own.
        """
        folder = self.info.workdir / step / str(attempt)
        files = [*folder.glob("*.log"), *folder.glob("*/*.log")]
        if container is not None:
            files = [file for file in files if file.stem == container]
        return sorted(files, key=lambda file: (_index(file, folder), file.stem != MAIN, file.stem))

    def begin_again(self, document: dict[str, Any], **columns: Any) -> int:
        """Have it run by another runner; what was running is lost. Returns how many ends are known.

        Only for who holds its lock.
        """
        columns |= {"finished": None}
        marks = ", ".join(f"{name} = ?" for name in columns)
        with self._store.writing() as write:
            write.execute(_CHANGE, (json.dumps(document), self.number))
            write.execute(
                f"UPDATE runs SET {marks} WHERE number = ?", (*columns.values(), self.number)
            )
            write.execute(
                "UPDATE attempts SET phase = 'Lost' WHERE run = ? AND phase = 'Running'",
                (self.number,),
            )
        return int(self._row("SELECT COALESCE(MAX(ended), 0) FROM attempts WHERE run = ?")[0])

    def remove(self) -> None:
        """Forget it; its files stay."""
        with self._store.writing() as write:
            write.execute("DELETE FROM runs WHERE number = ?", (self.number,))

    def change(self, edit: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        """Replace its document by `edit(document)`; its runner follows."""
        with self._store.writing() as write:
            write.execute(_CHANGE, (json.dumps(edit(self.document())), self.number))

    @property
    def names(self) -> list[str]:
        """All steps, exit handlers last."""
        spec = self.document()["spec"]
        return [step["name"] for step in (*spec["steps"], *(spec.get("onExit") or ()))]

    def _status(self) -> dict[str, Any]:
        head: dict[str, Any] = json.loads(self._row("SELECT head FROM runs WHERE number = ?")[0])
        rows = self._query("SELECT document FROM steps WHERE run = ?", [self.number])
        return head | {"steps": [json.loads(text) for (text,) in rows]}

    def _row(self, query: str) -> Any:
        return self._query(query, [self.number])[0]

    def _query(self, query: str, values: Sequence[Any]) -> list[Any]:
        with said(self._store.home):
            cursor: sqlite3.Cursor = self._store.connection.execute(query, values)
            return cursor.fetchall()


def compile_checked(document: Mapping[str, Any], created: float) -> CompiledFlow:
    """A flow that the validator has passed, ready to run."""
    return CompiledFlow.compile(JobFlow.model_validate(document), created=created)


def _exit_code(phase: str, codes: Mapping[str, int]) -> int | None:
    """That of the main container, or of the first one that failed; None while it is not known."""
    if phase == "Succeeded":
        return 0
    return codes.get(MAIN, next(iter(codes.values()), None))


def _index(file: Path, folder: Path) -> int:
    name = file.parent.name
    return int(name) if file.parent != folder and name.isdigit() else -1
