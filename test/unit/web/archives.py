"""An archive with flows as people have them: for tests of pages, and to look at."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jobflows.api.model import JobFlow
from jobflows.archive import Archive, AttemptFact, Fact, KindOf, Known, MeasuredBy
from jobflows.archive.deriving import Identity, flow_fact
from jobflows.engine import CompiledFlow, FlowPhase, Ledger, StepPhase, StepRecord, rebase
from jobflows.engine.indexes import IndexSet
from jobflows.engine.tasks import Tasks

NOW = 1_800_000_000.0
GIB = 1 << 30

HOSTILE = "<script>alert(1)</script>'; DROP TABLE flows; --\x1b[31m red \u202e gnp.exe"


def pod(memory: str = "1Gi") -> dict[str, Any]:
    main = {
        "name": "main",
        "image": "busybox:1.36",
        "command": ["true"],
        "resources": {"requests": {"memory": memory}, "limits": {"memory": memory}},
    }
    return {"spec": {"template": {"spec": {"containers": [main]}}}}


def step(name: str, *after: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "dependencies": list(after), "template": pod(), **more}


def document(name: str, steps: list[dict[str, Any]], **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "workflow.kube-zen.io/v1alpha1",
        "kind": "JobFlow",
        "metadata": {"name": name, "namespace": "lab", "labels": {"team": "ocean"}},
        "spec": {"steps": steps, **spec},
    }


ETL = document(
    "temperature-of-the-sea",
    [
        step("fetch"),
        step("regrid", "fetch"),
        step("simulate", "regrid", array={"count": 1000}),
        step("check", "regrid"),
        {"name": "release", "type": "Manual", "dependencies": ["simulate", "check"]},
        step("publish", "release"),
        step("report", "simulate"),
    ],
    onExit=[step("clean-up")],
    parameters=[{"name": "year", "value": "2026"}],
)


def done(start: float, seconds: float, **more: Any) -> StepRecord:
    ends = {"started": start, "finished": start + seconds, "attempt": 1}
    return StepRecord(phase=StepPhase.SUCCEEDED, **ends | more)


def etl_records(begin: float) -> dict[str, StepRecord]:
    """Half done: an array runs on, a person is asked later."""
    tasks = Tasks(
        total=1000,
        succeeded=IndexSet.span(0, 700),
        failed=IndexSet.span(700, 712),
        batches={3: IndexSet.span(712, 850)},
    )
    return {
        "fetch": done(begin, 42),
        "regrid": done(begin + 45, 318, attempt=2),
        "simulate": StepRecord(
            phase=StepPhase.RUNNING, started=begin + 370, attempt=3, tasks=tasks
        ),
        "check": StepRecord(
            phase=StepPhase.FAILED,
            started=begin + 366,
            finished=begin + 420,
            attempt=2,
            reason="Error",
            message="exit code 1: assertion failed: 3 of 52 cells are warmer than 40 degrees",
        ),
    }


def write_flow(
    archive: Archive,
    flow_id: str,
    given: dict[str, Any],
    records: dict[str, StepRecord],
    *,
    phase: FlowPhase = FlowPhase.RUNNING,
    created: float = NOW - 3600,
    finished: float | None = None,
    message: str = "",
    origin: str = "cluster",
    version: int = 1,
    attempts: Iterator[AttemptFact] | None = None,
) -> None:
    """Write a flow as a recorder does."""
    compiled = CompiledFlow.compile(JobFlow.model_validate(given), created=created)
    ledger = Ledger(phase=phase, message=message, started=created + 1, finished=finished)
    who = Identity(
        id=flow_id,
        origin=origin,
        namespace=given["metadata"].get("namespace", ""),
        name=given["metadata"]["name"],
        family=given["metadata"]["name"].rstrip("0123456789-"),
        created=created,
        version=version,
    )
    facts: list[Fact] = [flow_fact(compiled, rebase(compiled, ledger, records), who, given)]
    archive.write(facts)
    if attempts is not None:
        archive.write(attempts)


def attempts(
    flow_id: str, step_name: str, kind: KindOf, count: int, begin: float, *, seed: int = 1
) -> Iterator[AttemptFact]:
    """Tasks of an array: most succeed, some run out of memory, some fail in words of their own."""
    dice = random.Random(seed)
    for task in range(count):
        started = begin + task * 0.4 + dice.random() * 20
        peak = int(min(0.35 + dice.lognormvariate(0, 0.35) * 0.3, 1.1) * GIB)
        ended: dict[str, Any] = {"phase": "Succeeded", "exit_code": 0}
        if peak > GIB:
            ended = {
                "phase": "Failed",
                "cause": "OutOfMemory",
                "reason": "OOMKilled",
                "message": "the container main ran out of memory",
                "exit_code": 137,
            }
            peak = GIB
        elif dice.random() < 0.02:
            ended = {
                "phase": "Failed",
                "cause": "Application",
                "reason": "Error",
                "message": f"exit code 1: cannot read /data/cells/{task}.nc at byte {task * 97}",
                "exit_code": 1,
                "log_tail": f"reading cell {task}\nOSError: [Errno 5] /data/cells/{task}.nc\n",
            }
        seconds = 40 + dice.lognormvariate(0, 0.5) * 30
        yield AttemptFact(
            flow_id=flow_id,
            step=step_name,
            attempt=1,
            task=task,
            kind=kind,
            version=Known.POD.at(1),
            started=started,
            finished=started + seconds,
            memory=GIB,
            memory_request=GIB,
            cpu=500,
            peak_memory=peak,
            cpu_seconds=seconds * 0.4,
            measured_by=MeasuredBy.METRICS if task % 2 else MeasuredBy.RUNTIME,
            pod=f"pod-{task}",
            node=f"node-{task % 7}",
            **ended,
        )


def fill(archive: Archive, tasks: int = 1000) -> None:
    """All flows of these tests."""
    begin = NOW - 3600
    kind = KindOf(
        origin="cluster", namespace="lab", family=ETL["metadata"]["name"], name="simulate"
    )
    write_flow(
        archive,
        "etl-uid",
        ETL,
        etl_records(begin),
        attempts=attempts("etl-uid", "simulate", kind, tasks, begin + 370),
    )
    for number in range(60):
        created = NOW - 7200 - number * 21_000
        fails = number % 7 == 3
        name = f"nightly-{60 - number}"
        given = document(name, [step("load"), step("train", "load"), step("score", "train")])
        given["metadata"]["labels"] = {"example.com/kind": f"run-{number}"}
        records = {"load": done(created + 2, 30 + number), "train": done(created + 40, 600)}
        if fails:
            words = f"exit code 1: loss is NaN in epoch {number}"
            records["train"] = StepRecord(
                phase=StepPhase.FAILED,
                started=created + 40,
                finished=created + 90,
                attempt=1,
                message=words,
            )
            records["score"] = StepRecord(
                phase=StepPhase.SKIPPED, message="train did not succeed", finished=created + 90
            )
        else:
            records["score"] = done(created + 650, 12)
        write_flow(
            archive,
            f"nightly-uid-{number}",
            given,
            records,
            phase=FlowPhase.FAILED if fails else FlowPhase.SUCCEEDED,
            created=created,
            finished=created + 700,
            message="step train failed" if fails else "",
        )
    write_flow(
        archive,
        "waits-uid",
        document(
            "release-7",
            [step("build"), {"name": "sign-off", "type": "Manual", "dependencies": ["build"]}],
        ),
        {
            "build": done(NOW - 500, 100),
            "sign-off": StepRecord(
                phase=StepPhase.PENDING_APPROVAL, started=NOW - 390, message="waits for approval"
            ),
        },
        phase=FlowPhase.PAUSED,
        created=NOW - 510,
    )
    fill_hostile(archive)


def fill_hostile(archive: Archive) -> None:
    """A flow whose every word is meant to break a page."""
    given = document("hostile", [step("evil")])
    given["metadata"]["labels"] = {"evil": HOSTILE}
    kind = KindOf(origin="cluster", namespace=HOSTILE, family=HOSTILE, name=HOSTILE)
    write_flow(
        archive,
        "hostile-uid",
        given,
        {
            "evil": StepRecord(
                phase=StepPhase.FAILED,
                started=NOW - 50,
                finished=NOW - 40,
                attempt=1,
                message=HOSTILE,
            )
        },
        phase=FlowPhase.FAILED,
        created=NOW - 60,
        finished=NOW - 40,
        message=HOSTILE,
        attempts=iter(
            [
                AttemptFact(
                    flow_id="hostile-uid",
                    step="evil",
                    attempt=1,
                    kind=kind,
                    version=Known.POD_AND_LOG.at(1),
                    phase="Failed",
                    cause="Application",
                    message=HOSTILE,
                    started=NOW - 50,
                    finished=NOW - 40,
                    pod=HOSTILE,
                    node=HOSTILE,
                    exit_code=1,
                    log_tail=HOSTILE + "\n" + "x" * 1_000_000 + "\udcff",
                )
            ]
        ),
    )


def make(file: Path, tasks: int = 1000) -> Archive:
    """A filled archive at `file`."""
    archive = Archive.open(f"sqlite:///{file}", migrate=True)
    fill(archive, tasks)
    return archive


if __name__ == "__main__":  # to look at: python test/unit/web/archives.py FILE
    import sys

    print(json.dumps({"archive": make(Path(sys.argv[1])).url}))
