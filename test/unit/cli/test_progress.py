"""What a terminal shows of a flow that runs, however large it is."""

from __future__ import annotations

from io import StringIO

from rich.console import Console, Group

from jobflows.api.model import JobFlow
from jobflows.cli.progress import glance
from jobflows.engine import CompiledFlow, FlowPhase, Ledger, StepPhase, StepRecord
from jobflows.engine.indexes import IndexSet
from jobflows.engine.tasks import Tasks
from unit.local.local_runs import document, step

HEIGHT = 24


def shown(flow: CompiledFlow, records: list[StepRecord]) -> list[str]:
    """The lines that a terminal of 80 columns shows."""
    out = Console(file=StringIO(), width=80, height=HEIGHT, force_terminal=False)
    ledger = Ledger(phase=FlowPhase.RUNNING, started=0.0, steps=records)
    out.print(Group(*glance(flow, ledger, 100.0, HEIGHT)))
    assert isinstance(out.file, StringIO)
    return [line.rstrip() for line in out.file.getvalue().splitlines()]


def compiled(*names: str) -> CompiledFlow:
    return CompiledFlow.compile(JobFlow.model_validate(document(*map(step, names))))


def running(since: float = 90.0, **fields: object) -> StepRecord:
    return StepRecord(phase=StepPhase.RUNNING, started=since, attempt=1, **fields)  # type: ignore[arg-type] # each test knows its own


def test_ten_thousand_tasks_fit_the_terminal_and_alike_ones_share_a_line() -> None:
    names = [f"fit-{i}" for i in range(9000)] + [f"load-{i}" for i in range(1000)]
    steps = [{"name": name, "templateRef": name.partition("-")[0]} for name in names]
    shared = [{"name": name, "template": step("x")["template"]} for name in ("fit", "load")]
    flow = CompiledFlow.compile(JobFlow.model_validate(document(*steps, templates=shared)))
    failed = StepRecord(phase=StepPhase.FAILED, started=0.0, finished=1.0, message="no disk")
    records = [running()] * 8000 + [failed] * 1000 + [running(since=40.0)] * 1000
    lines = shown(flow, records)
    assert len(lines) <= HEIGHT
    assert lines[0].split() == ["9000", "Running", "1000", "Failed"]
    assert lines[1].split() == ["fit", "8000", "Running", "10.0s"]
    assert lines[2].split() == ["load", "1000", "Running", "1m00s"]
    assert lines[3].split()[:2] == ["fit-8000", "Failed"]
    assert lines[-1].strip() == "… 995 more"


def test_kinds_that_do_not_fit_are_counted() -> None:
    letters = [f"{a}{b}" for a in "abcdefgh" for b in "abcdefgh"]
    lines = shown(compiled(*letters), [running()] * len(letters))
    assert len(lines) <= HEIGHT
    assert lines[-1].strip() == f"… {len(letters) - (HEIGHT - 12)} more"


def test_few_steps_have_a_line_each_and_arrays_the_counts_of_their_tasks() -> None:
    tasks = Tasks(total=10, succeeded=IndexSet.span(0, 4), batches={1: IndexSet.of([5, 6])})
    lines = shown(compiled("fit", "load"), [running(tasks=tasks), running(since=99.0)])
    assert lines[1].split(maxsplit=3) == ["fit", "Running", "10.0s", "4/10 tasks, 2 running"]
    assert lines[2].split() == ["load", "Running", "1.00s"]
