"""The script's chapters on JobFlows, Jobs and pods (`model.script`)."""

from __future__ import annotations

from typing import Any

from jobflows.cluster.transport import JSON_PATCH, MERGE_PATCH
from model.script import Chapter, configmap
from model.session import Session

VERSION = "metadata.resourceVersion"
GENERATION = "metadata.generation"
STRATEGIC = "application/strategic-merge-patch+json"
LONG = "n" * 64


def template(annotations: dict[str, str] | None = None) -> dict[str, Any]:
    container = {"name": "main", "image": "busybox:1.36", "command": ["true"]}
    return {
        "metadata": {"annotations": annotations or {}},
        "spec": {"restartPolicy": "Never", "containers": [container]},
    }


def job(name: str, annotations: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    """A Job whose pods do what `sim.jobflow/` annotations say."""
    said = {f"sim.jobflow/{key}": value for key, value in (annotations or {}).items()}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {**spec, "template": template(said)},
    }


def flow(name: str, *steps: str, **metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": "workflow.kube-zen.io/v1alpha1",
        "kind": "JobFlow",
        "metadata": {"name": name, **metadata},
        "spec": {"suspend": False, "steps": [{"name": step, "type": "Manual"} for step in steps]},
    }


async def jobflows(s: Session) -> None:
    path, collection = s.path("jobflows", "f"), s.path("jobflows")
    status_path = s.path("jobflows", "f", "status")
    body = flow("f", "a") | {"status": {"phase": "Running"}}
    show = [GENERATION, "status.phase"]

    async def patch(step: str, body: Any, at: str = path, content_type: str = MERGE_PATCH) -> None:
        await s.ask(step, "PATCH", at, body, content_type=content_type, show=show)

    await s.ask("create", "POST", collection, body, show=show)
    await s.ask("create again", "POST", collection, body)
    await s.ask("items say their kind", "GET", collection, show=("kind", "items[].kind"))
    await patch("status by the main door", {"status": {"phase": "Failed"}})
    await patch("spec by the main door", {"spec": {"suspend": True}})
    await patch("labels", {"metadata": {"labels": {"x": "1"}}})
    await patch("status", {"status": {"phase": "Running"}}, status_path)
    before = await s.quiet("GET", path)
    await patch("the same status", {"status": {"phase": "Running"}}, status_path)
    s.answers["unchanged"] = before == await s.quiet("GET", path)
    await patch("spec by the status door", {"spec": {"suspend": False}}, status_path)
    await patch("labels by the status door", {"metadata": {"labels": {"y": "1"}}}, status_path)
    now = await s.ask("as it is", "GET", path, show=(*show, "metadata.labels", "spec.suspend"))
    stale = {"metadata": {"resourceVersion": "1"}, "status": {"phase": "Failed"}}
    await patch("status of a stale version", stale, status_path)
    other: dict[str, Any] = {"uid": "11111111-1111-4111-8111-111111111111"}
    await patch("status of another uid", {"metadata": other, "status": {}}, status_path)
    await patch("spec of another uid", {"metadata": other})
    operation = [{"op": "replace", "path": "/status/phase", "value": "Succeeded"}]
    await patch("status by operation", operation, status_path, JSON_PATCH)
    await patch("strategic", {}, path, STRATEGIC)
    await patch("plain JSON", {}, path, "application/json")
    await s.ask("put without version", "PUT", path, flow("f", "a"), message=False)
    stale_put = flow("f", "a", resourceVersion=now["metadata"]["resourceVersion"])
    await s.ask("put of a stale version", "PUT", path, stale_put)
    fresh = (await s.quiet("GET", path))["metadata"]["resourceVersion"]
    whole = flow("f", "a", "b", resourceVersion=fresh)
    await s.ask("put", "PUT", path, whole, show=(*show, "metadata.labels"))
    await s.ask("get status", "GET", status_path, show=("status.phase",))
    await s.ask("status of nothing", "GET", s.path("jobflows", "x", "status"))
    await s.ask("scale", "GET", s.path("jobflows", "f", "scale"))
    await patch("finalizer", {"metadata": {"finalizers": ["example.com/a"]}})
    await s.ask("delete", "DELETE", path, show=("kind", GENERATION, "metadata.deletionTimestamp"))
    await patch("no finalizer", {"metadata": {"finalizers": None}})
    await s.ask("gone", "GET", path)
    await s.quiet("POST", collection, flow("g", "a"))
    await s.ask("delete at once", "DELETE", s.path("jobflows", "g"), show=("kind", "details.kind"))


async def shaping(s: Session) -> None:
    """What the CRD's schema does to an object."""
    collection, path = s.path("jobflows"), s.path("jobflows", "f")
    bare = flow("f", "a")
    del bare["spec"]["suspend"]
    bare["spec"]["nonsense"] = {"x": 1}
    bare["spec"]["executionPolicy"] = {}
    show = ["spec.suspend", "spec.nonsense", "spec.executionPolicy"]
    await s.ask("defaults and pruning", "POST", collection, bare, show=show)
    body = {"status": {"phase": "Running", "nonsense": 1}}
    await s.ask(
        "pruned status",
        "PATCH",
        s.path("jobflows", "f", "status"),
        body,
        content_type=MERGE_PATCH,
        show=("status",),
    )
    bad: dict[str, Any] = {"spec": {"suspend": "yes"}}
    await s.ask("a wrong type", "PATCH", path, bad, content_type=MERGE_PATCH, message=False)
    bad = {"spec": {"executionPolicy": {"concurrencyPolicy": "Sometimes"}}}
    await s.ask("a wrong choice", "PATCH", path, bad, content_type=MERGE_PATCH, message=False)
    await s.ask("no steps", "POST", collection, flow("g") | {"spec": {}}, message=False)
    bare = flow("g")
    del bare["spec"]
    await s.ask("no spec", "POST", collection, bare, message=False)


async def jobs(s: Session) -> None:
    collection, path = s.path("jobs"), s.path("jobs", "j")
    shown = ("parallelism", "completions", "backoffLimit", "completionMode", "suspend")
    spec = tuple(f"spec.{field}" for field in (*shown, "podReplacementPolicy"))
    made = await s.ask("create", "POST", collection, job("j", suspend=True), show=spec)
    uid = made["metadata"]["uid"]
    labels = made["spec"]["template"]["metadata"]["labels"]
    s.answers["labels"] = {key: value.replace(uid, "UID") for key, value in labels.items()}
    chosen = made["spec"]["selector"]["matchLabels"]
    s.answers["selector"] = {key: value.replace(uid, "UID") for key, value in chosen.items()}
    container = made["spec"]["template"]["spec"]["containers"][0]
    s.answers["container"] = sorted(container)
    s.answers["pod spec"] = sorted(made["spec"]["template"]["spec"])
    s.answers["status"] = made["status"]
    await s.ask("parallelism", "POST", collection, job("p", suspend=True, parallelism=2), show=spec)
    mode: dict[str, Any] = {"completionMode": "Indexed", "completions": 3, "suspend": True}
    await s.ask("indexed", "POST", collection, job("i", **mode), show=spec)
    mode["parallelism"] = mode.pop("completions")
    await s.ask("indexed, uncounted", "POST", collection, job("x", **mode))
    await s.ask("a long name", "POST", collection, job(LONG), message=False)
    always = job("x")
    always["spec"]["template"]["spec"]["restartPolicy"] = "Always"
    await s.ask("restart always", "POST", collection, always)
    del always["spec"]["template"]["spec"]["restartPolicy"]
    await s.ask("no restart policy", "POST", collection, always)
    empty = job("x")
    empty["spec"]["template"]["spec"]["containers"] = []
    await s.ask("no container", "POST", collection, empty)
    await s.ask("negative", "POST", collection, job("x", backoffLimit=-1))

    async def patch(step: str, body: Any, at: str = path, **options: Any) -> None:
        await s.ask(step, "PATCH", at, body, content_type=MERGE_PATCH, **options)

    show = [GENERATION]
    await patch("parallelism", {"spec": {"parallelism": 0}}, show=show)
    await patch("completions", {"spec": {"completions": 2}}, message=False)
    mode_ = {"spec": {"completionMode": "Indexed"}}
    await patch("mode", mode_, message=False)
    await patch("deadline", {"spec": {"activeDeadlineSeconds": 9}}, show=show)
    await patch("time to live", {"spec": {"ttlSecondsAfterFinished": 9}}, show=show)
    await patch("labels", {"metadata": {"labels": {"x": "1"}}}, show=(*show, "metadata.labels.x"))
    await patch("status by the main door", {"status": {"failed": 5}}, show=("status.failed",))
    status = s.path("jobs", "j", "status")
    labels = {"metadata": {"labels": {"y": "1"}}, "spec": {"parallelism": 7}}
    show = ["metadata.labels.y", "spec.parallelism"]
    await patch("labels by the status door", labels, status, show=show)
    await s.ask("unknown field", "GET", collection, query={"fieldSelector": "spec.x=1"})
    uid = (await s.quiet("GET", path))["metadata"]["uid"]
    other = {"preconditions": {"uid": "11111111-1111-4111-8111-111111111111"}}
    await s.ask("delete another", "DELETE", path, other, message=False)
    options = {"propagationPolicy": "Background", "preconditions": {"uid": uid}}
    show = ["kind", "details.name", "details.group", "details.kind"]
    await s.ask("delete", "DELETE", path, options, show=show)
    show = ["kind", "metadata.finalizers", "metadata.deletionTimestamp", GENERATION]
    await s.ask("delete by default", "DELETE", s.path("jobs", "p"), show=show)
    foreground = {"propagationPolicy": "Foreground"}
    await s.ask("in the foreground", "DELETE", s.path("jobs", "i"), query=foreground, show=show)


async def others(s: Session) -> None:
    """Events, Leases, claims, bare pods."""
    event: dict[str, Any] = {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": "e"},
        "eventTime": "2026-01-01T00:00:00.000000Z",
        "reportingController": "example.com/c",
        "reportingInstance": "c-0",
        "action": "Doing",
        "reason": "Done",
        "type": "Normal",
        "regarding": {"kind": "ConfigMap", "namespace": s.namespace, "name": "c"},
        "note": "x",
    }
    collection = s.path("events")
    await s.ask("event", "POST", collection, event, show=("kind", "reason", "note"))
    for field in ("eventTime", "reportingController", "action", "reason", "type"):
        bad = {key: value for key, value in event.items() if key != field}
        await s.ask(f"event without {field}", "POST", collection, bad, message=False)
    long = event | {"note": "x" * 1025}
    await s.ask("event with a long note", "POST", collection, long, message=False)
    nowhere = event | {"regarding": {"kind": "ConfigMap", "name": "c"}}
    await s.ask("event about nowhere", "POST", collection, nowhere, message=False)
    lease: dict[str, Any] = {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": "l"},
        "spec": {"holderIdentity": "a", "leaseDurationSeconds": 15},
    }
    path = s.path("leases", "l")
    await s.ask("lease by put", "PUT", path, lease, show=("spec.holderIdentity", VERSION))
    await s.ask("lease without version", "PUT", path, lease, message=False)
    made = await s.quiet("GET", path)
    taken = {**made, "spec": {**made["spec"], "holderIdentity": "b"}}
    await s.ask("lease taken", "PUT", path, taken, show=("spec.holderIdentity", VERSION))
    await s.ask("lease taken twice", "PUT", path, taken)
    large = {**lease, "metadata": {"name": "m"}, "spec": {"holderIdentity": "x" * 1_600_000}}
    await s.ask("too large", "POST", s.path("leases"), large)
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "v"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "none",
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }
    show = ["status.phase", "metadata.finalizers"]
    await s.ask("claim", "POST", s.path("persistentvolumeclaims"), claim, show=show)
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "s"},
        "data": {"a": "YQ=="},
    }
    await s.ask("secret", "POST", s.path("secrets"), secret, show=("data", "type"))
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p"},
        "spec": template()["spec"] | {"schedulerName": "nobody"},
    }
    show = [GENERATION, "status.phase", "spec.restartPolicy", "status.qosClass"]
    await s.ask("pod", "POST", s.path("pods"), pod, show=show)
    del pod["spec"]["containers"]
    await s.ask("pod without containers", "POST", s.path("pods"), pod | {"metadata": {"name": "q"}})
    start = (await s.quiet("GET", s.path("pods")))["metadata"]["resourceVersion"]
    show = ["kind", "metadata.deletionTimestamp"]
    await s.ask("pod deleted", "DELETE", s.path("pods", "p"), show=show)
    await s.watch(
        "pod leaving", s.path("pods"), until=2, show=show[:1], query={"resourceVersion": start}
    )
    await s.ask("pod gone", "GET", s.path("pods", "p"))


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


FLOWS: dict[str, Chapter] = {"jobflows": jobflows, "shaping": shaping}
OBJECTS_OF_JOBS: dict[str, Chapter] = {"jobs": jobs, "others": others}
CONTROLLERS: dict[str, Chapter] = {
    "collecting": collecting,
    "running": running,
    "steering": steering,
}
