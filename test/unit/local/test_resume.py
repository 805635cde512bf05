"""Runs of this machine are resumed: what is kept, what runs again, and with what."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from jobflows.engine import FlowPhase, Ledger, Plan, Reason, StepPhase
from jobflows.local import (
    InvalidFlowError,
    NameTakenError,
    NoSuchRunError,
    NothingToResumeError,
    Outcome,
    ResumeRefusedError,
    Store,
    UnknownParameterError,
    prepare,
    resume,
    start,
)
from unit.local.local_runs import container, document, step


def again(home: Path, name: str, **how: Any) -> Outcome:
    return asyncio.run(resume(name, home=home, **how))


def attempts(outcome: Outcome) -> dict[str, int]:
    names = outcome.flow.graph.names
    return {n: r.attempt for n, r in zip(names, outcome.ledger.steps, strict=True)}


def needs(file: Path, name: str, **fields: Any) -> dict[str, Any]:
    return step(name, f"test -e {file}", **fields)


def test_what_succeeded_is_kept_and_the_rest_runs_again(tmp_path: Path) -> None:
    mended = tmp_path / "mended"
    flow = document(
        step("a"), needs(mended, "b", dependencies=["a"]), step("c", dependencies=["b"])
    )
    first = start(flow, home=tmp_path / "home")
    assert (first.name, first.phase) == ("flow-1", FlowPhase.FAILED)
    mended.touch()
    second = again(tmp_path / "home", "flow-1")
    assert second.succeeded
    assert attempts(second) == {"a": 1, "b": 2, "c": 1}
    assert second.ledger.resume.run == 2
    with pytest.raises(NothingToResumeError, match="name steps to run again with --from"):
        again(tmp_path / "home", "flow-1")


def test_a_named_step_runs_again_with_new_parameters(tmp_path: Path) -> None:
    flow = document(
        step("a"),
        step("b", "echo {{ parameters.day }}", dependencies=["a"]),
        parameters=[{"name": "day", "value": "monday"}],
    )
    start(flow, home=tmp_path, name="x")
    second = again(tmp_path, "x", from_=["b"], parameters={"day": "friday"})
    assert attempts(second) == {"a": 1, "b": 2}
    assert (second.workdir / "b" / "2" / "main.log").read_text() == "friday\n"
    with Store.open(tmp_path) as store:
        assert store.run("x").flow().parameters == {"day": "friday"}


def test_a_failed_step_can_be_taken_as_done(tmp_path: Path) -> None:
    start(document(step("a", "exit 1"), step("b", dependencies=["a"])), home=tmp_path, name="x")
    second = again(tmp_path, "x", succeeded=["a"])
    assert second.succeeded
    assert second.ledger.steps[0].reason == Reason.MARKED


def test_the_tasks_of_an_array_that_succeeded_are_kept(tmp_path: Path) -> None:
    script = f"echo {{{{ task.index }}}} >> {tmp_path}/ran; [ {{{{ task.index }}}} != 1 ]"
    flow = document(step("a", script, array={"count": 3}))
    start(flow, home=tmp_path / "home", parallelism=1)
    again(tmp_path / "home", "flow", parallelism=1)  # the newest run of that flow
    assert (tmp_path / "ran").read_text().split() == ["0", "1", "2", "1"]


def test_a_run_goes_on_with_a_new_spec_under_its_name(tmp_path: Path) -> None:
    home = tmp_path / "home"
    start(document(step("a"), step("b", "exit 1")), home=home, name="nightly")
    new = document(step("a"), step("b"), step("c", dependencies=["b"]))
    second = start(new, home=home, name="nightly", resume=True)
    assert second.succeeded
    assert attempts(second) == {"a": 1, "b": 2, "c": 1}
    with Store.open(home) as store:
        (run,) = store.runs()
        assert [s["name"] for s in run.status()["steps"]] == ["a", "b", "c"]


def test_a_step_that_is_reset_by_a_new_spec_is_reset_on_disk(tmp_path: Path) -> None:
    start(document(step("a", "exit 1"), step("b", dependencies=["a"])), home=tmp_path, name="x")
    waits = document(step("a"), step("b", "echo new", dependencies=["a"]), suspend=True)

    def observe(plan: Plan, before: Ledger) -> None:
        if plan.ledger.phase is FlowPhase.SUSPENDED:
            raise KeyboardInterrupt  # as if it were killed while it waits

    session = prepare(waits, home=tmp_path, name="x", resume=True, observer=observe)
    with pytest.raises(KeyboardInterrupt):
        asyncio.run(session.run())
    with Store.open(tmp_path) as store:
        assert [r.phase for r in store.run("x").ledger().steps] == [StepPhase.PENDING] * 2


def test_secret_values_are_given_again_and_stored_nowhere(tmp_path: Path) -> None:
    source = {"name": "password", "valueFrom": {"secretKeyRef": {"name": "db", "key": "k"}}}
    env = [{"name": "PW", "value": "{{ parameters.password }}"}]
    main = container(f"[ ${{#PW}} = 7 ] && test -e {tmp_path}/mended", env=env)
    flow = document(step("a", containers=[main], inputs={"parameters": [source]}))
    start(flow, home=tmp_path, name="x", parameters={"password": "hunter2"})
    with pytest.raises(UnknownParameterError, match="--param password=…"):
        again(tmp_path, "x")
    (tmp_path / "mended").touch()
    assert again(tmp_path, "x", parameters={"password": "hunter2"}).succeeded
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert not any(b"hunter2" in file.read_bytes() for file in files)


def test_what_was_said_beside_the_file_holds_for_a_resume_too(tmp_path: Path) -> None:
    flow = document(step("a", "exit 1"))
    start(flow, home=tmp_path, name="x", timeout=3599.5, fail_fast=True)
    policy = again(tmp_path, "x").flow.policy
    assert (policy.active_deadline_seconds, policy.fail_fast) == (3600, True)


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"from_": ["nowhere"]}, "there is no step nowhere; the steps are a"),
        ({"succeeded": ["a"]}, "only one that failed or was skipped can be set to Succeeded"),
    ],
)
def test_a_request_that_makes_no_sense_changes_nothing(
    tmp_path: Path, how: dict[str, Any], words: str
) -> None:
    start(document(step("a")), home=tmp_path, name="x")
    with pytest.raises(ResumeRefusedError, match=words):
        again(tmp_path, "x", **how)
    with Store.open(tmp_path) as store:
        assert store.run("x").generation == 1
        assert not store.run("x").is_running


def test_names(tmp_path: Path) -> None:
    flow = document(step("a"))
    assert [start(flow, home=tmp_path).name for _ in range(2)] == ["flow-1", "flow-2"]
    with pytest.raises(NameTakenError, match=r"there is a run flow-1 already; .* --resume"):
        start(flow, home=tmp_path, name="flow-1")
    with pytest.raises(NoSuchRunError, match=r"there are flow-1, flow-2; did you mean flow-1\?"):
        again(tmp_path, "flow-11")
    with pytest.raises(UnknownParameterError, match="the flow has no parameter 'day'"):
        start(flow, home=tmp_path, parameters={"day": "1"})
    with pytest.raises(InvalidFlowError, match="dependencies"):
        start(document(step("a", dependencies=["b"])), home=tmp_path)
    with Store.open(tmp_path) as store:
        names = [run.info.name for run in store.runs("flow")]
        assert names == ["flow-2", "flow-1"], "the newest first, and no trace of what was refused"
        assert store.run("flow").info.name == "flow-2"
        assert store.run(store.run("flow-1").info.id).info.name == "flow-1"
