"""Limits on a real API server, by its own record of what was created and when it ended."""

from pathlib import Path

import pytest

from cluster_suite.audit import most_alive
from cluster_suite.flows import Object, flow, runs, step
from cluster_suite.kube import Kube
from cluster_suite.process import running

pytestmark = pytest.mark.cluster


def wide(name: str, width: int, lasts: str = "300ms", **policy: object) -> Object:
    steps = [step(f"s{i}", pod=runs(lasts)) for i in range(width)]
    return flow(name, *steps, executionPolicy=policy)


def completed(flow: Object) -> int:
    """Steps that are done, as far as anybody has said so."""
    done: int = flow.get("status", {}).get("progress", {}).get("completedSteps", 0)
    return done


def test_a_limit_of_the_operator_is_never_exceeded_also_across_a_restart(
    kube: Kube, audit_log: Path, operator_config: Path, tmp_path: Path
) -> None:
    scope = ("--watch-namespace", kube.namespace, "--max-concurrent-jobs", "5")
    names = [f"f{i}" for i in range(6)]
    with running(operator_config, tmp_path / "first", *scope):
        kube.apply(*(wide(name, 10) for name in names))
        kube.until("jf", names[0], lambda f: completed(f) >= 3)
    with running(operator_config, tmp_path / "second", *scope):
        for name in names:
            kube.ends(name)
    assert most_alive(audit_log, kube) == 5


def test_the_limit_of_a_flow_is_kept_and_edited_live(
    kube: Kube, audit_log: Path, operator_config: Path, tmp_path: Path
) -> None:
    with running(operator_config, tmp_path / "log", "--watch-namespace", kube.namespace):
        kube.apply(wide("f", 20, parallelism=2))
        kube.until("jf", "f", lambda f: completed(f) >= 4)
        assert most_alive(audit_log, kube) == 2
        kube.apply(wide("f", 20, parallelism=0))
        paused = kube.reaches("f", "Paused")
        assert paused["reason"] == "Parallelism"
        kube.apply(wide("f", 20, parallelism=4))
        kube.ends("f")
    assert most_alive(audit_log, kube) <= 4


def test_a_lock_is_held_by_one_step_of_all_flows(
    kube: Kube, audit_log: Path, operator_config: Path, tmp_path: Path
) -> None:
    locks = [{"name": "db"}]
    steps = [step(f"s{i}", pod=runs("200ms"), locks=locks) for i in range(4)]
    with running(operator_config, tmp_path / "log", "--watch-namespace", kube.namespace):
        kube.apply(*(flow(f"f{i}", *steps) for i in range(3)))
        for i in range(3):
            kube.ends(f"f{i}")
    assert most_alive(audit_log, kube) == 1
