"""The same numbers wherever somebody asks: the command, the SDK, the REST API, the page."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from typer.testing import CliRunner

from jobflows.archive import Archive, kinds
from jobflows.archive.facts import UNNUMBERED
from jobflows.cli.main import app
from jobflows.local import Store
from jobflows.local.archiving import catch_up
from jobflows.sdk import ResourceUsage
from jobflows.usage import POINTS
from jobflows.web import words
from jobflows.web.application import application
from jobflows.web.site import Site
from unit.archive.conftest import archive, empty
from unit.archive.samples import attempt, flow
from unit.sdk.conftest import lab
from unit.sdk.workflows import Lab

__all__ = ["archive", "empty", "lab"]

TASKS = 30
MEBI = 1 << 20


@pytest.fixture
def measured(lab: Lab) -> ResourceUsage:
    """A run of thirty tasks; the last of them only ever ran out of memory."""
    template = lab.template("fit", '[ "$1" != 29 ] || exit 1', max_attempts=2)
    lab.workflow(*template.create_tasks(x=range(TASKS), files=".")).run(parallelism=8)
    with sqlite3.connect(lab.home / "runs.db") as store:
        store.execute(
            "UPDATE attempts SET started = 1000.0 + task, peak_memory = (task * 7 + 40) * ?,"
            " finished = 1002.5 + 1.25 * task, cpu_seconds = 0.75 + task, memory = 400 * ?",
            (MEBI, MEBI),
        )
        store.execute("UPDATE attempts SET cause = 'OutOfMemory' WHERE phase = 'Failed'")
        store.execute("UPDATE attempts SET cpu_seconds = NULL, peak_memory = NULL WHERE task = 3")
    return template.resource_usage()


def told(what: Any) -> dict[str, Any]:
    """Percentiles and their intervals, by their names."""
    return {
        **{f"p{point}": what.percentile(point) for point in POINTS},
        "intervals": {f"p{point}": list(what.interval(point)) for point in POINTS},
    }


def rounded(what: Any) -> Any:
    match what:
        case dict():
            return {name: rounded(value) for name, value in what.items()}
        case list():
            return [rounded(value) for value in what]
        case float():
            return round(what, 3)
    return what


def test_the_command_the_sdk_the_api_and_the_page_say_the_same(
    measured: ResourceUsage, lab: Lab, archive: Archive
) -> None:
    memory, runtime, cores = measured.memory, measured.runtime, measured.cores
    assert memory is not None
    assert runtime is not None
    assert cores is not None
    advice = measured.recommended(90, 0.2)
    assert (measured.tasks, measured.attempts, measured.out_of_memory) == (TASKS, TASKS + 1, 2)
    assert (memory.count, memory.beyond, memory.percentile(99)) == (TASKS - 2, 1, None)
    assert advice.memory is not None

    catch_up(archive, lab.home)
    with archive.reading() as connection:
        (kind,) = kinds(connection).items
    client = TestClient(application(Site(archive)), base_url="http://127.0.0.1:8765")
    query = {"percentile": 90, "margin": 0.2}
    answered = client.get(f"/api/v1/kinds/{kind.id}/usage", params=query).json()
    page = client.get(f"/kinds/{kind.id}").text

    for name, spread in (("memory", memory), ("seconds", runtime), ("cores", cores)):
        found = answered[name]
        assert {key: found[key] for key in told(spread)} == told(spread)
        assert (found["count"], found["largest"]) == (spread.count + spread.beyond, spread.max)
    assert {key: answered[key] for key in ("tasks", "attempts", "failed", "out_of_memory")} == {
        "tasks": TASKS,
        "attempts": TASKS + 1,
        "failed": measured.failed,
        "out_of_memory": 2,
    }
    assert answered["request"] == {
        "memory": advice.memory,
        "cpu": advice.cpu,
        "timeout": advice.timeout,
        "retries": advice.retries,
        "saved": advice.saved,
    }

    for place in ((), ("--database", str(archive.engine.url))):
        (line,) = _json("usage", *place)["usage"]
        for name, spread in (("memoryBytes", memory), ("seconds", runtime), ("cores", cores)):
            assert {key: line[name][key] for key in told(spread)} == rounded(told(spread))
            assert (line[name]["measured"], line[name]["beyond"]) == (spread.count, spread.beyond)
        written = _json("recommend", "--percentile", "90", "--margin", "20", *place)["spec"]
        (template,) = (each for each in written["templates"] if "resources" in json.dumps(each))
        (container,) = template["template"]["spec"]["template"]["spec"]["containers"]
        assert container["resources"]["limits"]["memory"] == f"{advice.memory}Mi"
        assert container["resources"]["requests"]["cpu"] == f"{advice.cpu}m"

    rows = dict(re.findall(r"<tr><td>(memory|time|cores)</td>(.*?)</tr>", page))
    for name, spread, say in (
        ("memory", memory, words.size),
        ("time", runtime, words.span),
        ("cores", cores, lambda value: f"{value:.2g}"),
    ):
        shown = [_page_words(spread.percentile(point), say) for point in POINTS]
        cells = [re.sub("<.*?>", "", cell) for cell in re.findall(r"<td.*?>(.*?)</td>", rows[name])]
        assert [c.replace("&gt; 400 MiB", "beyond") for c in cells[:5]] == [*shown, say(spread.max)]
    assert f"memory <strong>{measured.recommended().memory}Mi</strong>" in page


@pytest.mark.parametrize(
    ("words", "exit_code", "told"),
    [
        (["nobody", "--database", "here"], 1, "has no flow nobody"),
        (["f", "--database", "sqlite:////nowhere/at/all.db"], 1, "jobflow archive init"),
        (["f", "--database", "here", "--context", "c"], 2, "--database is an archive"),
    ],
)
def test_an_archive_that_cannot_tell_says_why(
    lab: Lab, empty: Path, words: list[str], exit_code: int, told: str
) -> None:
    lab.home.mkdir()
    shutil.copyfile(empty, lab.home / "archive.db")
    result = CliRunner(env={"COLUMNS": "200"}).invoke(app, ["usage", *words])
    assert (result.exit_code, told in " ".join(result.output.split())) == (exit_code, True)


def test_what_was_only_sampled_is_marked(archive: Archive) -> None:
    seen = {"peak_memory": 7 * MEBI, "cpu_seconds": 2.5}
    archive.write([flow(), attempt(**seen, measured_by="metrics"), attempt(attempt=2, **seen)])
    client = TestClient(application(Site(archive)), base_url="http://127.0.0.1:8765")
    of_flow = client.get("/api/v1/flows/f1/attempts").json()["items"]
    assert [each["measured_by"] for each in of_flow] == ["metrics", ""]
    pages = [client.get(f"/flows/f1/attempt?step=fit&attempt={n}").text for n in (1, 2)]
    assert [f"~</abbr>{words.size(7 * MEBI)}" in page for page in pages] == [True, False]


def test_an_attempt_without_a_number_is_shown_as_such(archive: Archive) -> None:
    archive.write([flow(), attempt(attempt=UNNUMBERED, task=3)])
    client = TestClient(application(Site(archive)), base_url="http://127.0.0.1:8765")
    assert 'attempt=0&amp;task=3">?</a>' in client.get("/flows/f1/steps/fit").text
    assert "<h1>Attempt ?, task 3" in client.get("/flows/f1/attempt?step=fit&attempt=0&task=3").text


def _page_words(value: float | None, say: Any) -> str:
    return "beyond" if value is None else say(value)


def _json(*command: str) -> dict[str, Any]:
    name, *options = command
    with Store.open() as store:
        (flow,) = (run.info.name for run in store.runs())
    result = CliRunner().invoke(app, [name, flow, *options, "-o", "json"])
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found
