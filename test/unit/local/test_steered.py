"""A run that goes on in one program is steered from another one, through the store."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from jobflows.cli import steer
from jobflows.cli.resume import resume
from jobflows.engine import FlowPhase, Ledger, Plan, Reason, StepPhase
from jobflows.local import Outcome, Store, prepare, start
from jobflows.steering.errors import SteerError
from jobflows.steering.machine import LocalRuns
from unit.local.local_runs import alive, container, document, step

Act = Callable[[LocalRuns], Awaitable[None]]


def steered(
    home: Path,
    flow: dict[str, Any],
    *orders: tuple[Callable[[Ledger], bool], Act],
    **how: Any,
) -> Outcome:
    """Run a flow, and give each order as soon as its condition holds, one after the other."""
    left = list(orders)
    given: set[asyncio.Task[None]] = set()

    def observe(plan: Plan, before: Ledger) -> None:
        if left and left[0][0](plan.ledger):
            given.add(asyncio.ensure_future(give(left.pop(0)[1])))

    async def give(act: Act) -> None:
        try:
            with Store.open(home) as store:  # a connection of its own, like another program's
                await act(LocalRuns(store))
        except BaseException:
            session.terminate("an order failed")
            raise

    session = prepare(flow, home=home, observer=observe, **how)

    async def go() -> Outcome:
        outcome = await session.run()
        await asyncio.gather(*given)
        return outcome

    outcome = asyncio.run(go())
    assert not left
    return outcome


def phase(index: int, wanted: StepPhase) -> Callable[[Ledger], bool]:
    return lambda ledger: ledger.steps[index].phase is wanted


ASKS = phase(0, StepPhase.PENDING_APPROVAL)
RUNS = phase(0, StepPhase.RUNNING)
MANUAL = {"name": "ask", "type": "Manual"}


@pytest.mark.parametrize("yes", [True, False])
def test_a_manual_step_is_answered(tmp_path: Path, yes: bool) -> None:
    flow = document(MANUAL, step("go", dependencies=["ask"]))
    order = steer.approve if yes else steer.reject
    ended = steered(tmp_path, flow, (ASKS, lambda place: order(place, "flow", "ask")))
    assert ended.succeeded is yes
    assert ended.ledger.steps[0].reason == (Reason.APPROVED if yes else Reason.APPROVAL_DENIED)


def test_an_answer_from_elsewhere_withdraws_the_question(tmp_path: Path) -> None:
    asked: list[str] = []

    async def thinks(name: str, message: str) -> bool:
        asked.append(name)
        await asyncio.Event().wait()
        return False

    flow = document(MANUAL)
    order = (ASKS, lambda place: steer.approve(place, "flow", "ask"))
    assert steered(tmp_path, flow, order, approver=thinks).succeeded
    assert asked == ["ask"]


def test_a_run_is_stopped_and_its_exit_handlers_run(tmp_path: Path) -> None:
    slow = step("slow", "exec sleep 83.837")
    flow = document(slow, onExit=[step("tidy", "echo {{ flow.reason }}")])
    ended = steered(tmp_path, flow, (RUNS, lambda place: steer.stop(place, "flow")))
    assert (ended.reason, ended.message) == (Reason.STOPPED, "asked for by `jobflow stop`")
    assert (ended.workdir / "tidy" / "1" / "main.log").read_text() == "Stopped\n"
    assert not alive("83.837")


def test_a_paused_run_starts_nothing_until_it_goes_on(tmp_path: Path) -> None:
    waits = step("a", f"while [ ! -e {tmp_path}/go ]; do sleep 0.01; done")
    flow = document(waits, step("b", dependencies=["a"]))
    seen: list[StepPhase] = []

    async def pause(place: LocalRuns) -> None:
        await steer.pause(place, "flow")
        async for loaded in place.follow("flow"):
            if loaded.flow.suspend:
                break
        await asyncio.sleep(0.3)  # the runner looks four times a second
        (tmp_path / "go").touch()

    async def go_on(place: LocalRuns) -> None:
        seen.append((await place.load("flow")).ledger.steps[1].phase)
        await steer.unpause(place, "flow")

    done = phase(0, StepPhase.SUCCEEDED)
    assert steered(tmp_path / "home", flow, (RUNS, pause), (done, go_on)).succeeded
    assert seen == [StepPhase.PENDING]


def test_a_suspended_flow_waits_for_its_beginning(tmp_path: Path) -> None:
    flow = document(step("a"), suspend=True)

    def suspended(ledger: Ledger) -> bool:
        return ledger.phase is FlowPhase.SUSPENDED

    assert steered(
        tmp_path, flow, (suspended, lambda place: steer.unpause(place, "flow"))
    ).succeeded


def test_more_run_at_once_when_somebody_says_so(tmp_path: Path) -> None:
    # Each waits for the other one, which one at a time never do.
    def waits(name: str, other: str) -> dict[str, Any]:
        script = f"touch {tmp_path}/{name}; while [ ! -e {tmp_path}/{other} ]; do sleep 0.01; done"
        return step(name, script)

    flow = document(waits("a", "b"), waits("b", "a"))
    order = (RUNS, lambda place: steer.set_parallelism(place, "flow", 2))
    assert steered(tmp_path / "home", flow, order, parallelism=1).succeeded


def test_what_failed_runs_again_while_the_run_goes_on(tmp_path: Path) -> None:
    flow = document(
        step("bad", f"test -e {tmp_path}/mended"),
        step("slow", f"while [ ! -e {tmp_path}/end ]; do sleep 0.01; done"),
        step("end", f"touch {tmp_path}/end", dependencies=["bad"]),
    )

    async def mend(place: LocalRuns) -> None:
        (tmp_path / "mended").touch()
        async for loaded in place.follow("flow"):  # what is stored is a little late
            if loaded.ledger.steps[0].phase is StepPhase.FAILED:
                break
        await resume(place, "flow", from_=["bad"])

    failed = phase(0, StepPhase.FAILED)
    ended = steered(tmp_path / "home", flow, (failed, mend), parallelism=2)
    assert ended.succeeded
    assert [record.attempt for record in ended.ledger.steps] == [2, 1, 1]


def test_what_would_change_nothing_is_refused(tmp_path: Path) -> None:
    pod = {"containers": [container("true")]}
    start(document(step("a", pod=pod)), home=tmp_path, name="done")
    prepare(document(step("a")), home=tmp_path, name="waits").close()

    def refused(act: Act) -> str:
        with Store.open(tmp_path) as store, pytest.raises(SteerError) as error:
            asyncio.run(_call(act, LocalRuns(store)))
        return str(error.value)

    assert refused(lambda p: steer.stop(p, "done")) == "flow done is Succeeded already"
    assert "`jobflow resume waits` goes on" in refused(lambda p: steer.stop(p, "waits"))
    assert "has no step 'b', it has a" in refused(lambda p: steer.approve(p, "waits", "b"))
    assert "did you mean waits?" in refused(lambda p: steer.pause(p, "wait"))
    words = refused(lambda p: p.patch("waits", spec={"executionPolicy": {"parallelism": "many"}}))
    assert "spec.executionPolicy.parallelism" in words


async def _call(act: Act, place: LocalRuns) -> None:
    await act(place)
