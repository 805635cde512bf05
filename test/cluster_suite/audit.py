"""The API server's own record of who called what: a count that no client can embellish."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from itertools import accumulate
from pathlib import Path
from typing import Any

from cluster.api import wait_for
from cluster_suite.kube import Kube

OPERATOR = "jobflow-operator"
WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})


def writes(log: Path, kube: Kube, user: str = OPERATOR) -> Counter[str]:
    """How often `user` wrote what in the namespace of `kube`, such as `create jobs`."""
    settle(log, kube)
    counts: Counter[str] = Counter()
    with log.open() as lines:
        for line in lines:
            if kube.namespace not in line or user not in line:
                continue
            call = json.loads(line)
            what = call.get("objectRef", {})
            mine = call["user"]["username"] == user and what.get("namespace") == kube.namespace
            if mine and call["verb"] in WRITES:
                part = f"/{what['subresource']}" if "subresource" in what else ""
                counts[f"{call['verb']} {what['resource']}{part}"] += 1
    return counts


def calls(log: Path, kube: Kube, user: str, what: str) -> list[tuple[str, int]]:
    """The names and codes of all calls of `user` in the namespace of `kube`, e.g. `create jobs`."""
    settle(log, kube)
    found: list[tuple[str, int]] = []
    with log.open() as lines:
        for line in lines:
            if kube.namespace not in line or user not in line:
                continue
            call = json.loads(line)
            of = call.get("objectRef", {})
            mine = call["user"]["username"] == user and of.get("namespace") == kube.namespace
            if mine and f"{call['verb']} {of['resource']}" == what and "subresource" not in of:
                found.append((of.get("name", ""), call["responseStatus"]["code"]))
    return found


def most_alive(log: Path, kube: Kube, user: str = OPERATOR) -> int:
    """The most Jobs of `user` that were alive at once, from its creation to its pod's end."""
    settle(log, kube)
    born: dict[str, str] = {}
    ended: dict[str, str] = {}
    with log.open() as lines:
        for line in lines:
            if kube.namespace not in line or '"verb":"get"' in line:
                continue
            call = json.loads(line)
            what = call.get("objectRef", {})
            if what.get("namespace") != kube.namespace or call["stage"] != "ResponseComplete":
                continue
            kind = (what["resource"], what.get("subresource", ""))
            mine = call["user"]["username"] == user and call["verb"] == "create"
            if mine and kind == ("jobs", "") and call["responseStatus"]["code"] == 201:
                born[what["name"]] = call["stageTimestamp"]
            elif kind == ("pods", "status") and _says_over(call):
                job = what["name"].rpartition("-")[0]
                ended.setdefault(job, call["requestReceivedTimestamp"])
    over = [(ended[job], -1) for job in born if job in ended]  # the others are alive at the end
    moments = sorted([(at, 1) for at in born.values()] + over)
    return max(accumulate(change for _, change in moments), default=0)


def _says_over(call: dict[str, Any]) -> bool:
    """Whether this write says that a pod is over: a node says more than once how a pod is."""
    if call["verb"] not in WRITES or call["responseStatus"]["code"] != 200:
        return False
    phase = call.get("requestObject", {}).get("status", {}).get("phase")
    return phase in ("Succeeded", "Failed")


def settle(log: Path, kube: Kube) -> None:
    """The log is written in batches, in order: wait for a call of our own at its end."""
    mark = f"mark-{uuid.uuid4().hex}"
    kube("get", "configmap", mark, "--ignore-not-found")
    wait_for("the audit log catches up", lambda: mark in _tail(log), seconds=30)


def _tail(log: Path, size: int = 1 << 20) -> str:
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - size))
        return file.read().decode(errors="replace")
