"""The same seed is the same work, for each controller, in manifests that it would take."""

from __future__ import annotations

import json
import random

import pytest

from jobflows.api.validation import check
from jobflows.cli.convert.argo.workflow import convert_workflow
from jobflows.cli.convert.source import Notes
from load.manifests import UnableError, as_argo, as_jobflow
from load.work import SHAPES, Duration, Plan, Task, Work, rate, seconds, share


@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_a_shape_has_so_many_steps_and_no_cycle(shape: str) -> None:
    for steps in (3, 10, 57):
        (work,) = Plan(shape, 1, steps).works("run")
        assert len(work.dag) == steps
        assert check(as_jobflow(work)).flow is not None


def test_a_seed_is_the_work() -> None:
    def plan(seed: int) -> list[Work]:
        return Plan("random", 5, 20, duration="exp:1s", fail=0.3, seed=seed).works("run")

    assert plan(1) == plan(1)
    assert plan(1) != plan(2)
    assert plan(1)[0].dag != plan(1)[1].dag


def test_attempts_fail_as_often_as_asked() -> None:
    works = Plan("wide", 50, 100, fail=0.2, seed=1).works("run")
    failures = [task.failures for work in works for task in work.tasks.values()]
    attempts = len(failures) + sum(failures)
    assert sum(failures) / attempts == pytest.approx(0.2, abs=0.02)


@pytest.mark.parametrize(
    ("text", "mean"),
    [
        ("2s", 2.0),
        ("fixed:500ms", 0.5),
        ("uniform:1s,3s", 2.0),
        ("exp:2s", 2.0),
        ("lognormal:1s,0.5", 1.133),
    ],
)
def test_a_duration_is_a_distribution(text: str, mean: float) -> None:
    rng = random.Random(1)
    drawn = [Duration.read(text).draw(rng) for _ in range(4_000)]
    assert sum(drawn) / len(drawn) == pytest.approx(mean, rel=0.06)
    assert min(drawn) >= 0


@pytest.mark.parametrize("text", ["1 day", "exp:1s,2s", "lognormal:1s", "gauss:1s", "-1s", ""])
def test_a_duration_that_is_none_is_answered_with_what_would_be(text: str) -> None:
    with pytest.raises(ValueError, match="write"):
        Duration.read(text)


def test_rates_and_shares_are_read() -> None:
    assert (rate("50/s"), rate("600/m"), rate("2")) == (50, 10, 2)
    assert (share("5%"), share("0.05")) == (0.05, 0.05)
    assert (seconds("200ms"), seconds("2m")) == (0.2, 120)
    for text in ("fast", "0/s", "5/day"):
        with pytest.raises(ValueError, match="is no rate"):
            rate(text)
    for text in ("100%", "-1%", "many"):
        with pytest.raises(ValueError, match="is no share"):
            share(text)


def test_a_flow_of_ten_thousand_steps_fits_into_an_object() -> None:
    (work,) = Plan("layers", 1, 10_000).works("run")
    manifest = as_jobflow(work, "none")
    assert len(json.dumps(manifest)) < 1_500_000
    small = Work("run", dict(list(work.dag.items())[:101]))
    assert check(as_jobflow(small, "none")).flow is not None


def test_argo_gets_the_same_graph_and_the_same_durations() -> None:
    (work,) = Plan("random", 1, 30, duration="uniform:1s,2s").works("run")
    workflow = as_argo(work)
    notes = Notes()
    converted = convert_workflow(workflow, {}, notes)
    steps = {step["name"]: step for step in converted["spec"]["steps"]}
    assert {name: step.get("dependencies", []) for name, step in steps.items()} == work.dag
    assert [str(note) for note in notes.found if note.lost] == []
    ours = {step["name"]: step for step in as_jobflow(work)["spec"]["steps"]}
    for template in workflow["spec"]["templates"][1:]:
        said = template["metadata"]["annotations"]
        pod = ours[template["name"]]["template"]["spec"]["template"]
        assert said == pod["metadata"]["annotations"] | {"sim.jobflow/outcome": "succeed"}


def test_argo_gets_an_array_as_a_sequence() -> None:
    (work,) = Plan("wide", 1, 1, array=50, at_once=5).works("run")
    spec = as_argo(work)["spec"]
    assert spec["templates"][0]["dag"]["tasks"][0]["withSequence"] == {"count": "50"}
    assert spec["parallelism"] == 5
    step = as_jobflow(work)["spec"]["steps"][0]
    assert step["array"] == {"count": 50, "parallelism": 5}
    assert work.size == 50


def test_what_cannot_be_given_to_a_controller_is_said() -> None:
    fails = Work("run", {"a": []}, {"a": Task(failures=1)})
    with pytest.raises(UnableError, match="leave --fail out"):
        as_argo(fails)
    with pytest.raises(UnableError, match="leave --duration and --fail out"):
        as_jobflow(fails, "none")
    with pytest.raises(UnableError, match="leave --pods none out"):
        as_argo(Work("run", {"a": []}), "none")
