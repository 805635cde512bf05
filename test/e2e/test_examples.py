"""Every example runs on real pods as its comments say."""

from collections.abc import Iterable
from datetime import datetime
from itertools import accumulate
from pathlib import Path

import pytest

from cluster_suite.kube import Kube, moment, phases, steps
from e2e.pods import logs, ran_in_order, spans

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("operator")]

EXAMPLES = Path(__file__).parents[2] / "examples"


def _apply(kube: Kube, name: str) -> None:
    kube("apply", "-f", str(EXAMPLES / f"{name}.yaml"))


def test_no_example_is_forgotten() -> None:
    tested = {
        "linear",
        "etl-diamond",
        "manual-approval",
        "oom-growth",
        "retries",
        "conditional",
        "parameters",
        "on-exit",
        "resume",
        "limits",
        "templates",
        "array",
        "elementwise",
        "map",
    }
    assert {path.stem for path in EXAMPLES.glob("*.yaml")} == tested


def test_linear(kube: Kube) -> None:
    _apply(kube, "linear")
    status = kube.ends("linear")
    assert status["progress"]["summary"] == "3/3"
    assert list(spans(kube, "linear")) == ["convert", "fetch", "publish"]
    ran_in_order(kube, "linear")
    assert [logs(kube, "linear", s) for s in ("fetch", "convert", "publish")] == [
        "fetched",
        "converted",
        "published",
    ]


def test_etl_diamond(kube: Kube) -> None:
    _apply(kube, "etl-diamond")
    done = steps(kube.ends("etl-diamond"))
    ran_in_order(kube, "etl-diamond")
    assert moment(done["extract-b"]["startTime"]) < moment(done["extract-a"]["completionTime"])
    assert {name: step["outputs"] for name, step in done.items() if "outputs" in step} == {
        "extract-a": {"rows": "120"},
        "extract-b": {"rows": "80"},
        "transform": {"rows": "200"},
    }
    assert logs(kube, "etl-diamond", "load") == "loaded 200 rows"


def test_manual_approval(kube: Kube) -> None:
    _apply(kube, "manual-approval")
    status = kube.reaches("manual-approval", "Paused")
    assert steps(status)["review"]["message"] == "Is version 1.4.0 good to go?"
    assert not kube.jobs("manual-approval", "release")
    kube("annotate", "jobflow", "manual-approval", "approved.workflow.kube-zen.io/review=true")
    kube.ends("manual-approval")
    ran_in_order(kube, "manual-approval")
    assert logs(kube, "manual-approval", "release") == "released"


def test_scenario_13_oom_growth(kube: Kube) -> None:
    _apply(kube, "oom-growth")
    done = steps(kube.ends("oom-growth"))["crunch"]
    assert (done["attempt"], done["outOfMemoryCount"]) == (3, 2)
    assert done["resources"] == {"memory": "72Mi"}
    had = [(failed["cause"], failed.get("resources")) for failed in done["failures"]]
    assert had == [("OutOfMemory", None), ("OutOfMemory", {"memory": "48Mi"})]


def test_retries(kube: Kube) -> None:
    _apply(kube, "retries")
    done = steps(kube.ends("retries"))["flaky"]
    assert (done["attempt"], done["retryCount"]) == (3, 2)
    assert [logs(kube, "retries", "flaky", n) for n in (1, 2, 3)] == [
        "attempt 1: connection refused",
        "attempt 2: connection refused",
        "attempt 3: connected",
    ]
    ran_in_order(kube, "retries")


def test_conditional(kube: Kube) -> None:
    _apply(kube, "conditional")
    status = kube.ends("conditional")
    assert phases(status) == {
        "check": "Succeeded",
        "repair": "Succeeded",
        "celebrate": "Skipped",
        "report": "Succeeded",
    }
    assert logs(kube, "conditional", "repair") == "repairing 3 errors"
    ran_in_order(kube, "conditional")


def test_parameters(kube: Kube) -> None:
    _apply(kube, "parameters")
    kube.ends("parameters")
    assert logs(kube, "parameters", "greet") == "Hello, Ada!"
    assert kube.get("configmap", "parameters-settings")["data"]["punctuation"] == "!"


def test_templates(kube: Kube) -> None:
    _apply(kube, "templates")
    done = steps(kube.ends("templates"))
    assert {name: step["outputs"]["rows"] for name, step in done.items()} == {
        "north": "12",
        "south": "30",
        "both": "30",
        "again": "0",
    }
    assert logs(kube, "templates", "both") == "counting both of 2026-01-31 on 2026-01-31"
    ran_in_order(kube, "templates")


def test_on_exit(kube: Kube) -> None:
    _apply(kube, "on-exit")
    status = kube.ends("on-exit")
    assert phases(status) == {"work": "Succeeded", "tidy": "Succeeded", "complain": "Skipped"}
    assert logs(kube, "on-exit", "tidy") == "tidied up after Succeeded"


def test_scenario_10_array(kube: Kube) -> None:
    _apply(kube, "array")
    done = steps(kube.ends("array"))
    assert done["greet"]["tasks"]["succeeded"] == "0-2"
    assert done["grid"]["tasks"]["summary"] == "6/6"
    said = kube("logs", "-l", "workflow.kube-zen.io/step=greet", "--tail=-1").split("\n")
    assert {"task 0: hello Ada", "task 1: hello Grace", "task 2: hello Katherine"} <= set(said)


def test_scenario_03_elementwise(kube: Kube) -> None:
    _apply(kube, "elementwise")
    done = steps(kube.ends("elementwise"))
    assert done["convert"]["tasks"] == {"total": 4, "summary": "4/4", "succeeded": "0-3"}
    said = kube("logs", "-l", "workflow.kube-zen.io/step=convert", "--tail=-1").split("\n")
    assert {f"converted {name}" for name in ("north", "east", "south", "west")} <= set(said)


def test_scenario_20_resume(kube: Kube) -> None:
    _apply(kube, "resume")
    failed = kube.ends("resume", "Failed")
    assert "the database is down" in failed["message"]
    kube.patch("jf", "resume", {"spec": {"parameters": [{"name": "database", "value": "up"}]}})
    kube.annotate("resume", "workflow.kube-zen.io/resume", '{"id": "1"}')
    status = kube.reaches("resume", "Succeeded")
    assert status["resume"]["run"] == 2
    assert logs(kube, "resume", "load", 2) == "attempt 2: loaded 120 rows"
    assert {name: step.get("attempt") for name, step in steps(status).items()} == {
        "extract": 1,
        "load": 2,
        "report": 1,
    }
    kube.annotate("resume", "workflow.kube-zen.io/resume", '{"id": "2", "from": ["load"]}')
    kube.until("jf", "resume", lambda f: f["status"].get("resume", {}).get("id") == "2")
    status = kube.reaches("resume", "Succeeded")
    assert logs(kube, "resume", "load", 3) == "attempt 3: loaded 120 rows"
    assert steps(status)["extract"]["attempt"] == 1


def test_scenario_19_limits(kube: Kube) -> None:
    _apply(kube, "limits")
    kube.ends("limits")
    times = spans(kube, "limits")
    assert len(times) == 8
    assert _most_at_once(times.values()) <= 3
    assert _most_at_once(t for n, t in times.items() if n.startswith("crunch")) <= 2
    assert _most_at_once(t for n, t in times.items() if n.startswith("store")) <= 1


def _most_at_once(found: Iterable[tuple[datetime, datetime]]) -> int:
    """The most spans that overlap, each without its end."""
    periods = list(found)
    moments = [(began, 1) for began, _ in periods] + [(ended, -1) for _, ended in periods]
    return max(accumulate(change for _, change in sorted(moments)), default=0)
