"""Memory limits on this machine, kept by the kernel or measured, end as they do on a cluster."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from jobflows.engine import Grown, Reason, Spent, StepPhase
from jobflows.local import Processes, reopen, start
from jobflows.local.cgroup import Cgroup, Cgroups
from unit.local.local_runs import container, document, run_flow, step

MEASURED = Processes(kernel_limits=False)
MEBIBYTES = 1 << 20

with_cgroups = pytest.param(
    Processes(),
    marks=pytest.mark.skipif(
        Cgroups.find() is None, reason="this user may make no control group with a memory limit"
    ),
    id="kernel",
)
measured = pytest.param(
    MEASURED,
    marks=pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="no /proc"),
    id="measured",
)
either = pytest.mark.parametrize("executor", [with_cgroups, measured])


def hungry(mebibytes: int, then: str = "time.sleep(20)", limit: str = "40Mi") -> dict[str, Any]:
    """A container that fills so much memory, and then lives on if it may."""
    code = f"import time; kept = bytearray({mebibytes} << 20); {then}"
    made = container(None, resources={"limits": {"memory": limit}, "requests": {"memory": "20Mi"}})
    return made | {"command": [sys.executable, "-S", "-c", code]}


@either
def test_memory_that_was_too_little_grows(tmp_path: Path, executor: Processes) -> None:
    policy = {"limit": 0, "onOutOfMemory": {"limit": 2}, "backoff": {"duration": "10ms"}}
    policy["resources"] = {"memory": {"factor": 4, "max": "160Mi"}}
    needs = hungry(80, "time.sleep(0 if '{{ step.attempt }}' == '2' else 20)")
    ran = run_flow(
        tmp_path, step("train", containers=[needs], retryPolicy=policy), executor=executor
    )
    record = ran["train"]
    assert (record.phase, record.attempt) == (StepPhase.SUCCEEDED, 2)
    assert record.spent == Spent(out_of_memory=1)
    assert record.resources == Grown(memory=160 * MEBIBYTES)
    (failure,) = record.failures
    assert (failure.reason, failure.exit_code) == ("OOMKilled", 137)
    first, second = ran.attempts
    assert (first.cause, first.exit_code) == ("OutOfMemory", 137)
    assert "container main exited with code 137 (OOMKilled)" in first.message
    assert (first.memory, first.memory_request) == (40 * MEBIBYTES, 20 * MEBIBYTES)
    assert (second.memory, second.memory_request) == (160 * MEBIBYTES, 80 * MEBIBYTES)


@either
def test_what_it_had_grown_to_is_kept_by_a_resume(tmp_path: Path, executor: Processes) -> None:
    policy = {"limit": 1, "backoff": {"duration": "10ms"}, "resources": {"memory": {"factor": 2}}}
    flow = document(step("train", containers=[hungry(120)], retryPolicy=policy))
    start(flow, home=tmp_path, name="x", executor=executor)
    session = reopen("x", home=tmp_path)
    session.close()
    assert session.ledger.steps[0].resources == Grown(memory=80 * MEBIBYTES)
    assert session.ledger.steps[0].attempt == 2


@either
def test_all_processes_of_a_container_count_together(tmp_path: Path, executor: Processes) -> None:
    # The kernel of version 1 ends one of them, and the shell waits for the other.
    one = f"{sys.executable} -S -c 'import time; kept = bytearray(30 << 20); time.sleep(3)'"
    main = container(f"{one} & {one} & wait; exit 1", resources={"limits": {"memory": "50Mi"}})
    ran = run_flow(tmp_path, step("pair", containers=[main]), executor=executor)
    assert (ran.attempts[0].cause, ran.attempts[0].reason) == ("OutOfMemory", "OOMKilled")


@either
def test_what_stays_below_its_limit_lives(tmp_path: Path, executor: Processes) -> None:
    ran = run_flow(
        tmp_path, step("small", containers=[hungry(10, "time.sleep(1)")]), executor=executor
    )
    assert ran["small"].phase is StepPhase.SUCCEEDED
    peak = ran.attempts[0].peak_memory
    assert peak is not None
    assert 10 * MEBIBYTES < peak < 40 * MEBIBYTES


def test_shared_pages_count_once(tmp_path: Path) -> None:
    code = "import os, time; kept = bytearray(30 << 20); os.fork(); os.fork(); time.sleep(0.4)"
    main = hungry(0, limit="60Mi") | {"command": [sys.executable, "-S", "-c", code]}
    ran = run_flow(tmp_path, step("forks", containers=[main]), executor=MEASURED)
    assert ran["forks"].phase is StepPhase.SUCCEEDED


def test_a_container_without_a_limit_is_measured(tmp_path: Path) -> None:
    main = hungry(50, "time.sleep(0.8)") | {"resources": {}}
    ran = run_flow(tmp_path, step("free", containers=[main]))
    peak = ran.attempts[0].peak_memory
    assert peak is not None
    assert peak > 50 * MEBIBYTES


@either
def test_a_command_that_is_not_there_says_so(tmp_path: Path, executor: Processes) -> None:
    main = hungry(0) | {"command": ["no-such-program-here"]}
    ran = run_flow(tmp_path, step("a", containers=[main]), executor=executor)
    assert "code 127: jobflow: command not found on this machine" in ran["a"].message


def test_a_limit_that_is_none_is_refused(tmp_path: Path) -> None:
    main = hungry(0, limit="{{ parameters.much }}")
    ran = run_flow(
        tmp_path, step("a", containers=[main]), parameters=[{"name": "much", "value": "lots"}]
    )
    assert ran["a"].reason == Reason.REJECTED
    assert "resources.limits.memory: 'lots' is not a quantity" in ran["a"].message


def unified(root: Path, own: str, controllers: str) -> Path:
    """A tree of control groups of version 2, as the kernel shows it."""
    place = root / own
    place.mkdir(parents=True)
    (place.parent / "cgroup.subtree_control").write_text(controllers)
    membership = root / "membership"
    membership.write_text(f"0::/{own}\n")
    return membership


def test_version_2_is_used_beside_the_own_group(tmp_path: Path) -> None:
    membership = unified(tmp_path, "user.slice/app.slice/run.scope", "cpu memory pids\n")
    place = tmp_path / "user.slice/app.slice"
    # A directory is no control group: what the kernel would make in it is missing.
    assert Cgroups.find(tmp_path, membership) is None
    assert [each.name for each in place.iterdir() if each.is_dir()] == ["run.scope"]
    group = Cgroup(place / "jobflow-1", 2)
    group.folder.mkdir()
    (group.folder / "memory.events").write_text("low 0\nhigh 3\noom 2\noom_kill 1\n")
    (group.folder / "memory.peak").write_text("1048576\n")
    assert (group.kills, group.peak) == (1, MEBIBYTES)


def test_groups_of_runners_that_are_gone_are_removed(tmp_path: Path) -> None:
    gone, mine = tmp_path / "jobflow-999999999-a", tmp_path / f"jobflow-{os.getpid()}-b"
    other = tmp_path / "jobflow-like"
    for folder in (gone, mine, other):
        folder.mkdir()
    Cgroups(tmp_path, 2).sweep()
    assert sorted(tmp_path.iterdir()) == sorted([mine, other])


@pytest.mark.parametrize("controllers", ["", "cpu pids\n"])
def test_version_2_without_memory_is_no_place(tmp_path: Path, controllers: str) -> None:
    membership = unified(tmp_path, "user.slice/run.scope", controllers)
    assert Cgroups.find(tmp_path, membership) is None
