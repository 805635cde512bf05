"""All that is known of one step, gathered from the flow and its attempts, and put into words.

Where attempts are, `story_of_jobs` and `story_of_runs` know.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rich.text import Text

from jobflows.cli.explain import describe, named
from jobflows.cli.tables import console, say, table, without_empty
from jobflows.cli.words import STYLES, measured_words, one_line
from jobflows.engine import (
    Cause,
    CompiledStep,
    Instant,
    Observations,
    Spent,
    StepPhase,
    StepRecord,
    explain,
)
from jobflows.engine.failure import budget
from jobflows.engine.indexes import IndexSet
from jobflows.engine.mapping import read_map, write_map
from jobflows.engine.times import rfc3339
from jobflows.measures import duration, size
from jobflows.steering.loaded import Loaded

BUDGETS = {
    "retries": Cause.APPLICATION,
    "outOfMemory": Cause.OUT_OF_MEMORY,
    "timeouts": Cause.TIMEOUT,
    "losses": Cause.DISRUPTION,
}

MOST_NEIGHBOURS = 10
MOST_ATTEMPTS = 20


@dataclass(frozen=True, slots=True)
class Tries:
    """The attempts of a step as documents, the newest ones, and how many there were before."""

    told: Sequence[dict[str, Any]]
    earlier: int
    seen: Observations
    where: str
    """The option that says where the flow is."""


def tell(loaded: Loaded, name: str, now: Instant, tries: Tries) -> dict[str, Any]:
    """The story of a step as a document."""
    index = loaded.step(name)
    flow, record = loaded.flow, loaded.ledger.steps[index]
    step = flow.steps[index]
    said = explain(flow, loaded.ledger, now, tries.seen)[index]
    return describe(said) | without_empty(
        {
            "flow": flow.name,
            "namespace": flow.namespace,
            "type": step.spec.type,
            "when": step.spec.when,
            "attempt": record.attempt,
            **(_budgets(step, record.spent) if record.attempt and not step.is_array else {}),
            "retried": _retried(step, record),
            "startTime": rfc3339(record.started),
            "completionTime": rfc3339(record.finished),
            "nextRetryTime": rfc3339(record.retry_at),
            "map": write_map(record.map) if record.map is not None else {},
            "outputs": dict(record.outputs),
            "dependencies": _neighbours(loaded, flow.graph.parents[index]),
            "dependents": _neighbours(loaded, flow.graph.children[index]),
            "earlierAttempts": tries.earlier or None,
            "attempts": list(tries.told),
            "logs": f"jobflow logs {loaded.record.metadata.name} {name} {tries.where}"
            if tries.told
            else "",
        }
    )


def print_story(story: dict[str, Any]) -> None:
    """The story for people."""
    phase = StepPhase(story["phase"])
    reason = f" ({story['reason']})" if "reason" in story else ""
    say((story["name"], "bold"), " is ", (f"{phase}{reason}", STYLES[phase]))
    if "message" in story:
        say(story["message"].strip())
    facts = table("", "")
    facts.show_header = False
    for title in ("when", *BUDGETS, "startTime", "completionTime", "nextRetryTime"):
        if title in story:
            facts.add_row(title, Text(str(story[title])))
    for title in ("dependencies", "dependents"):
        if title in story:
            names = [f"{each['name']} ({each['phase']})" for each in story[title]]
            more = len(names) - MOST_NEIGHBOURS
            rest = f" and {more} more" if more > 0 else ""
            facts.add_row(title, Text(", ".join(names[:MOST_NEIGHBOURS]) + rest))
    for title, words in _map_words(story.get("map", {})):
        facts.add_row(title, Text(words))
    if "outputs" in story:
        facts.add_row("outputs", Text(", ".join(f"{k}={v}" for k, v in story["outputs"].items())))
    if facts.row_count:
        console().print(facts)
    for each in story.get("tasks", ()):
        say(
            (named(IndexSet.parse(each["indexes"])), "bold"),
            f" {each['reason']}: {each['message']}",
        )
    for each in story.get("retried", ()):
        spent = ", ".join(f"{title} {each[title]}" for title in BUDGETS if title in each)
        say((named(IndexSet.parse(each["tasks"])), "bold"), f" tried again: {spent}")
    if "earlierAttempts" in story:
        say((f"{story['earlierAttempts']} earlier attempts are not shown", "dim"))
    for each in story.get("attempts", ()):
        _print_attempt(each)
    if "logs" in story:
        say(("logs: ", "dim"), story["logs"])


def _map_words(written: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """How a map was cut, and what it measured."""
    if "itemsPerTask" in written:
        yield "itemsPerTask", f"{written['itemsPerTask']} ({written['reason']})"
    measured = read_map(written).measured
    if measured is None:
        return
    yield "map", measured_words(measured)
    yield "predicted", f"speedup {measured.predicted_speedup:.3g}"
    yield "itemSeconds", f"{measured.item_seconds:.3g}"
    for failed in measured.failed_items:
        yield f"item {failed.index}", one_line(failed.error)


def _print_attempt(each: dict[str, Any]) -> None:
    what = one_line(each.get("message", ""))
    cause = f" ({each['cause']})" if "cause" in each else ""
    task = f" of task {each['task']}" if "task" in each else ""
    title = f"attempt {each['number']}{task}"
    say((title, "bold"), f" {each['state']}{cause}: {each.get('job', each.get('log'))} {what}")
    if used := _used(each):
        say(f"  {used}")
    for container, wanted in each.get("resources", {}).items():
        words = ", ".join(
            f"{kind} {' '.join(f'{k}={v}' for k, v in wanted[kind].items())}"
            for kind in ("requests", "limits")
            if kind in wanted
        )
        say(f"  container {container}: {words}")
    for pod in each.get("pods", ()):
        spent = ", ".join(f"{stage} {duration(s)}" for stage, s in pod.get("seconds", {}).items())
        say(f"  pod {pod['name']} {pod['phase']}" + (f": {spent}" if spent else ""))
    for note in each.get("notes", ()):
        say(f"  {note}")


def _used(each: dict[str, Any]) -> str:
    """What an attempt has used, as far as it was measured."""
    parts = []
    if "seconds" in each:
        parts.append(f"took {duration(each['seconds'])}")
    if "peakMemory" in each:
        limit = f" of {size(each['memory'])}" if "memory" in each else ""
        parts.append(f"peak memory {size(each['peakMemory'])}{limit}")
    if "cpuSeconds" in each:
        parts.append(f"CPU {duration(each['cpuSeconds'])}")
    if "exitCode" in each:
        parts.append(f"exit code {each['exitCode']}")
    return ", ".join(parts)


def _budgets(step: CompiledStep, spent: Spent) -> dict[str, str]:
    """What is used up of each budget that was touched, and of that of the program's failures."""
    return {
        title: f"{spent.on(cause)} of {budget(step.retry, cause)}"
        for title, cause in BUDGETS.items()
        if spent.on(cause) or cause is Cause.APPLICATION
    }


def _retried(step: CompiledStep, record: StepRecord) -> list[dict[str, str]]:
    """Tasks of an array that are tried again, by what they have used up."""
    histories = record.tasks.histories if record.tasks is not None else {}
    return [
        {"tasks": str(members), **_budgets(step, history.spent)}
        for history, members in histories.items()
    ]


def _neighbours(loaded: Loaded, indices: Any) -> list[dict[str, str]]:
    names, records = loaded.flow.graph.names, loaded.ledger.steps
    return [{"name": names[i], "phase": str(records[i].phase)} for i in indices]
