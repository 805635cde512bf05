"""The script's chapters on what happens by itself: Jobs to their end, and garbage collection.

They need a Job controller, a garbage collector and pods simulated by `sim.jobflow/` annotations.
"""

from __future__ import annotations

from typing import Any

from jobflows.cluster.transport import MERGE_PATCH
from model.script import Chapter, configmap
from model.script_jobs import job
from model.session import Session


async def collecting(s: Session) -> None:
    """The garbage collector."""
    path = s.path("configmaps")

    async def pair(owner: str, child: str, **reference: Any) -> None:
        made = await s.quiet("POST", path, configmap(owner))
        named = {"apiVersion": "v1", "kind": "ConfigMap", "name": owner}
        link = named | {"uid": made["metadata"]["uid"]} | reference
        await s.quiet("POST", path, configmap(child, ownerReferences=[link]))

    await pair("a", "a1")
    await s.quiet("DELETE", s.path("configmaps", "a"))
    await s.wait(s.path("configmaps", "a1"), "metadata.name", None)
    await s.ask("background", "GET", s.path("configmaps", "a1"))
    await pair("b", "b1")
    await s.quiet("DELETE", s.path("configmaps", "b"), propagationPolicy="Orphan")
    await s.wait(s.path("configmaps", "b1"), "metadata.ownerReferences", None)
    show = ["metadata.name", "metadata.ownerReferences"]
    await s.ask("orphan", "GET", s.path("configmaps", "b1"), show=show)
    await pair("c", "c1", blockOwnerDeletion=True)
    body = {"metadata": {"finalizers": ["example.com/a"]}}
    await s.patch(s.path("configmaps", "c1"), body, MERGE_PATCH)
    await s.quiet("DELETE", s.path("configmaps", "c"), propagationPolicy="Foreground")
    for _ in range(50):
        child = await s.quiet("GET", s.path("configmaps", "c1"))
        if "deletionTimestamp" in child["metadata"]:
            break
        await s.pause(0.1)
    show = ["metadata.finalizers", "metadata.deletionTimestamp"]
    await s.ask("foreground waits", "GET", s.path("configmaps", "c"), show=show)
    await s.ask("for its child", "GET", s.path("configmaps", "c1"), show=show)
    await s.patch(s.path("configmaps", "c1"), {"metadata": {"finalizers": None}}, MERGE_PATCH)
    await s.wait(s.path("configmaps", "c"), "metadata.name", None)
    await s.ask("and goes", "GET", s.path("configmaps", "c"))
    gone = "11111111-1111-4111-8111-111111111111"
    stray = {"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": gone}
    await s.quiet("POST", path, configmap("d", ownerReferences=[stray]))
    await s.wait(s.path("configmaps", "d"), "metadata.name", None)
    await s.ask("owner never lived", "GET", s.path("configmaps", "d"))


async def running(s: Session) -> None:
    """Jobs to their end."""
    quick = {"run-for": "100ms"}
    fail = quick | {"outcome": "fail", "exit-code": "3", "message": "sorry"}
    plans: dict[str, dict[str, Any]] = {
        "succeeds": job("succeeds", quick),
        "fails": job("fails", fail, backoffLimit=0),
        "oom": job("oom", quick | {"outcome": "oom"}, backoffLimit=0),
        "indexed": job("indexed", quick, completionMode="Indexed", completions=3, parallelism=3),
        "late": job("late", {"outcome": "never"}, activeDeadlineSeconds=2),
        "refused": job("refused", fail, podFailurePolicy=_fail_job(3)),
        "zero": job("zero", quick, completions=0),
        "partly": job(
            "partly",
            fail | {"only-pods": "partly-1-"},
            completionMode="Indexed",
            completions=3,
            parallelism=3,
            backoffLimitPerIndex=0,
        ),
        "again": job("again", fail, backoffLimit=1),
        "each-again": job(
            "each-again",
            fail | {"only-pods": "again-1-"},
            completionMode="Indexed",
            completions=2,
            parallelism=2,
            backoffLimitPerIndex=1,
        ),
        "many": job("many", quick, completions=3, parallelism=2),
    }
    for body in plans.values():
        await s.quiet("POST", s.path("jobs"), body)
    counts = ("active", "ready", "terminating", "succeeded", "failed", "completedIndexes")
    wanted = ("status.conditions[].type", "status.conditions[].reason", "status.failedIndexes")
    show = (*wanted, *(f"status.{count}" for count in counts))
    for name in plans:
        for _ in range(150):
            found = await s.quiet("GET", s.path("jobs", name))
            ends = {c["type"] for c in found["status"].get("conditions") or ()}
            if ends & {"Complete", "Failed"}:
                break
            await s.pause(0.2)
        await s.ask(name, "GET", s.path("jobs", name), show=show)
        s.answers[name]["completionTime"] = "completionTime" in found["status"]
        s.answers[name]["startTime"] = "startTime" in found["status"]
        s.answers[name]["uncounted"] = found["status"].get("uncountedTerminatedPods")
        query = f"batch.kubernetes.io/job-name={name}"
        pods = await s.quiet("GET", s.path("pods"), labelSelector=query)
        s.answers[f"pods of {name}"] = sorted((_pod(pod) for pod in pods["items"]), key=str)


def _fail_job(code: int) -> dict[str, Any]:
    codes = {"operator": "In", "values": [code]}
    return {"rules": [{"action": "FailJob", "onExitCodes": codes}]}


def _pod(pod: dict[str, Any]) -> dict[str, Any]:
    metadata, status = pod["metadata"], pod["status"]
    owner = metadata["ownerReferences"][0]
    ended = status["containerStatuses"][0]["state"].get("terminated", {})
    labels = {k: v for k, v in metadata["labels"].items() if "uid" not in k}
    return {
        "name": [metadata["name"][:-5], metadata.get("generateName")],
        "labels": labels,
        "finalizers": metadata.get("finalizers"),
        "owner": {k: v for k, v in owner.items() if k != "uid"},
        "phase": status["phase"],
        "env": [one["name"] for one in pod["spec"]["containers"][0].get("env", ())],
        "hostname": pod["spec"].get("hostname"),
        "ended": {k: v for k, v in ended.items() if k in ("exitCode", "reason", "message")},
    }


async def steering(s: Session) -> None:
    """Suspending, resuming and removing a Job that runs."""
    path = s.path("jobs", "j")
    forever = {"outcome": "never"}
    await s.quiet("POST", s.path("jobs"), job("j", forever, parallelism=2, completions=4))
    await s.wait(path, "status.ready", 2)
    show = ["status.active", "status.ready", "status.failed", "status.conditions[].type"]
    await s.ask("runs", "GET", path, show=show)
    await s.patch(path, {"spec": {"suspend": True}}, MERGE_PATCH)
    await s.wait(path, "status.terminating", 0)
    await s.wait(path, "status.active", None)
    query = {"labelSelector": "job-name=j"}
    for _ in range(100):
        if not (await s.quiet("GET", s.path("pods"), **query))["items"]:
            break
        await s.pause(0.1)
    await s.pause(3.0)
    show = [*show, "status.conditions[].status", "status.conditions[].reason"]
    await s.ask("suspended", "GET", path, show=show)
    await s.patch(path, {"spec": {"suspend": False}}, MERGE_PATCH)
    await s.pause(3.0)
    await s.ask("resumed", "GET", path, show=show)
    await s.patch(path, {"spec": {"suspend": False, "parallelism": 1}}, MERGE_PATCH)
    await s.wait(path, "status.active", 1, 20.0)
    await s.quiet("DELETE", path, propagationPolicy="Background")
    for _ in range(100):
        left = (await s.quiet("GET", s.path("pods"), **query))["items"]
        if not left:
            break
        await s.pause(0.1)
    s.answers["pods after the Job"] = len(left)


CONTROLLERS: dict[str, Chapter] = {
    "collecting": collecting,
    "running": running,
    "steering": steering,
}
