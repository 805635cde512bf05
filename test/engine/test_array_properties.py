"""Random DAGs of arrays and steps, with failures, losses, vanished Jobs, crashes and resumes."""

from __future__ import annotations

import json
import zlib
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.array_world import ArrayWorld, End
from engine.flows import flow, step
from jobflows.engine import FlowPhase, StepPhase

NAMES = "abcd"


@st.composite
def flows(draw: st.DrawFn) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []
    sizes: dict[str, int] = {}
    for number, name in enumerate(NAMES[: draw(st.integers(1, 4))]):
        needs = draw(st.lists(st.sampled_from(NAMES[:number]), unique=True)) if number else []
        extra: dict[str, Any] = {}
        if draw(st.booleans()) or draw(st.booleans()):
            arrays = [n for n in needs if n in sizes]
            follows = bool(arrays) and draw(st.booleans())
            same = {sizes[n] for n in arrays}
            follows = follows and len(same) == 1
            count = same.pop() if follows else draw(st.integers(0, 6))
            sizes[name] = count
            extra["array"] = {"count": count}
            if follows:
                extra["array"]["dependencyMode"] = "Index"
            if draw(st.booleans()):
                extra["array"]["parallelism"] = draw(st.integers(1, 3))
        made.append(
            step(
                name,
                " ".join(needs),
                retries=draw(st.integers(0, 2)),
                losses=draw(st.integers(0, 3)),
                may_fail=draw(st.booleans()) and draw(st.booleans()),
                **extra,
            )
        )
    return made


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(
    steps=flows(),
    fail_fast=st.booleans(),
    seed=st.integers(0, 2**32),
    sizes=st.sampled_from([(None, 1), (1, 2), (2, 1), (None, 10_000)]),
    troubles=st.lists(st.sampled_from(["", "", "", "crash", "vanish", "hot", "cold"]), max_size=40),
    resumes=st.lists(st.sampled_from(["hot", "cold"]), max_size=3),
    stopping=st.sampled_from([0.0, 1.3]),
)
def test_every_task_ends_once_and_no_limit_is_broken(
    *,
    steps: list[dict[str, Any]],
    fail_fast: bool,
    seed: int,
    sizes: tuple[int | None, int],
    troubles: list[str],
    resumes: list[str],
    stopping: float,
) -> None:
    made = flow(*steps, failFast=fail_fast, backoffLimit=1000)

    def script(name: str, task: int, ran: int) -> tuple[End, float]:
        value = zlib.crc32(f"{name}/{task}/{ran}/{seed}".encode())
        end: End = ("ok", "ok", "ok", "fail", "lost")[value % 5]
        return end, 0.25 * (1 + value // 5 % 12)

    world = ArrayWorld(made, script, window=sizes[0], largest_batch=sizes[1], stopping=stopping)
    troubles = [*troubles, *[""] * 2000]
    for number, trouble in enumerate(troubles):
        world.settle()
        moment = world.next_moment()
        if world.ledger.phase is FlowPhase.FAILED and resumes:
            world.resume = json.dumps({"id": f"end-{number}", "mode": resumes.pop()})
            continue
        if world.ledger.phase.terminal or moment is None:
            break
        world.now = moment
        live = [k for k, b in world.batches.items() if b.seen(world.now).is_live]
        if trouble == "crash":
            world.crash()
        elif trouble == "vanish" and live:
            world.vanish(*live[seed % len(live)])
        elif trouble in ("hot", "cold"):
            world.resume = json.dumps({"id": f"{number}", "mode": trouble})
    assert world.ledger.phase.terminal, "the flow does not end"
    _check_outcome(world, steps)


def _check_outcome(world: ArrayWorld, steps: list[dict[str, Any]]) -> None:
    for document in steps:
        name, array = document["name"], document.get("array")
        record = world.record(name)
        assert record.phase.terminal
        limit = (array or {}).get("parallelism")
        assert limit is None or world.most_live.get(name, 0) <= limit
        if record.tasks is not None:
            tasks = record.tasks
            assert not tasks.succeeded & tasks.failed
            assert len(tasks.final) == tasks.total
        for above in document["dependencies"]:
            _check_order(world, document, above)
    failed = [s for s in steps if world.record(s["name"]).phase is StepPhase.FAILED]
    bad = any(not s.get("continueOnFailure") for s in failed)
    assert world.ledger.phase is (FlowPhase.FAILED if bad else FlowPhase.SUCCEEDED)


def _check_order(world: ArrayWorld, document: dict[str, Any], above: str) -> None:
    """No task began, in its last run, before all that it waits for had ended."""
    name = document["name"]
    parent = world.record(above)
    array = document.get("array") or {}
    by_task = array.get("dependencyMode") == "Index" and parent.tasks is not None
    for (step_name, task), moments in world.begun.items():
        if step_name != name:
            continue
        if by_task:
            ended = world.ended.get((above, task))
            if ended is not None:
                assert ended <= moments[-1]
        else:
            assert parent.finished is not None
            assert parent.finished <= moments[-1] + 0.001
