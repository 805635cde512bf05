"""Replicas as processes on a real API server: killed, stopped, and woken after their time.

Each has a user of its own, so that the audit log tells who wrote what. How long a takeover took is
printed; what is asserted is that it comes, for machines that are busy with something else.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from cluster import Record
from cluster.api import wait_for
from cluster_suite.audit import WRITES, settle
from cluster_suite.flows import chain, runs
from cluster_suite.kube import Kube
from cluster_suite.process import OperatorProcess
from cluster_suite.replicas import USERS, replicas

pytestmark = pytest.mark.cluster


def writes(log: Path, kube: Kube) -> list[tuple[float, str, str]]:
    """(moment of arrival, user, verb and name) of all writes of flows and Jobs by replicas."""
    settle(log, kube)
    found = []
    with log.open() as lines:
        for line in lines:
            if kube.namespace not in line:
                continue
            call = json.loads(line)
            what = call.get("objectRef", {})
            if (
                what.get("namespace") == kube.namespace
                and what.get("resource") in ("jobs", "jobflows")
                and call["verb"] in WRITES
                and call["user"]["username"] in USERS.values()
                and call.get("userAgent", "").startswith("jobflows/")
            ):
                moment = datetime.fromisoformat(call["requestReceivedTimestamp"]).timestamp()
                name = f"{call['verb']} {what['resource']} {what.get('name', '')}"
                found.append((moment, call["user"]["username"], name))
    return sorted(found)


def took(log: Path, kube: Kube, after: float, user: str) -> float:
    """Seconds from a moment to the first write of a user that arrived after it."""

    def first() -> list[float]:
        return [at for at, who, _ in writes(log, kube) if who == user and at > after]

    wait_for(f"{user} goes on", lambda: bool(first()), seconds=90)
    return first()[0] - after


def test_one_goes_on_for_another_and_who_wakes_up_late_writes_nothing(
    suite: Record, kube: Kube, audit_log: Path, tmp_path: Path
) -> None:
    names = [f"f{i}" for i in range(6)]
    with replicas(suite, kube, tmp_path) as cast:
        cast.start("operator", "bench-loop")
        kube.apply(*(chain(name, 60, runs("1s")) for name in names))
        wait_for("work has begun", lambda: len(kube.find("jobs")) > 6, seconds=60)

        stopped = time.time()
        os.kill(cast.running["operator"].pid, signal.SIGSTOP)
        seconds = took(audit_log, kube, stopped, USERS["bench-loop"])
        print(f"takeover after SIGSTOP, with a Lease of 5 s: {seconds:.2f} s")
        woken = time.time()
        os.kill(cast.running["operator"].pid, signal.SIGCONT)
        stands_by = cast.running["operator"]
        wait_for("it sees what became of it", lambda: _has_lost(stands_by), seconds=60)
        stands_by.wait_ready()
        late = [w for w in writes(audit_log, kube) if w[0] > woken and w[1] == USERS["operator"]]
        assert not late

        told = time.time()
        assert cast.running.pop("bench-loop").stop() == 0
        seconds = took(audit_log, kube, told, USERS["operator"])
        print(f"takeover after SIGTERM: {seconds:.2f} s")

        cast.start("admin")
        killed = time.time()
        cast.running.pop("operator").kill()
        seconds = took(audit_log, kube, killed, USERS["admin"])
        print(f"takeover after SIGKILL, with a Lease of 5 s: {seconds:.2f} s")
        kube.patch("jf", names[0], {"spec": {"suspend": True}})

        turns = [who for _, who, _ in writes(audit_log, kube)]
        order = [who for i, who in enumerate(turns) if i == 0 or turns[i - 1] != who]
        assert order == [
            USERS[client] for client in ("operator", "bench-loop", "operator", "admin")
        ]
    made = Counter(job["metadata"]["name"] for job in kube.find("jobs"))
    assert set(made.values()) == {1}


def _has_lost(process: OperatorProcess) -> bool:
    return "is another replica's by now" in process.log_text()


def test_three_replicas_share_three_shards_and_two_go_on_for_the_third(
    suite: Record, kube: Kube, audit_log: Path, tmp_path: Path
) -> None:
    names = [f"f{i:02}" for i in range(18)]
    with replicas(suite, kube, tmp_path, "--shards", "3") as cast:
        cast.start(*USERS)
        wait_for("each has a shard", lambda: sorted(cast.holders().values()) == sorted(USERS), 60)
        kube.apply(*(chain(name, 4, runs("500ms")) for name in names))
        wait_for("all are at work", lambda: _writers(audit_log, kube) == set(USERS.values()), 60)
        cast.running.pop("operator").kill()
        for name in names:
            kube.ends(name, seconds=120)
        assert "operator" not in cast.holders().values()
        assert len(set(cast.holders().values())) == 2
        assert all(process.stop() == 0 for process in cast.running.values())
        assert not [line for p in cast.running.values() for line in p.complaints()]
    jobs = kube.find("jobs")
    assert len(jobs) == 4 * len(names)
    steps = Counter(_step(job) for job in jobs)
    assert set(steps.values()) == {1}


def _writers(log: Path, kube: Kube) -> set[str]:
    return {who for _, who, _ in writes(log, kube)}


def _step(job: dict[str, Any]) -> tuple[str, str]:
    labels = job["metadata"]["labels"]
    return labels["workflow.kube-zen.io/flow"], labels["workflow.kube-zen.io/step"]
