"""The script's chapters on JobFlows, Jobs and pods (`model.script`)."""

from __future__ import annotations

from typing import Any

from jobflows.cluster.transport import JSON_PATCH, MERGE_PATCH
from model.script import Chapter
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
    show_lease = ("spec.holderIdentity", "spec.leaseTransitions", "metadata.labels", VERSION)
    version = (await s.quiet("GET", path))["metadata"]["resourceVersion"]
    patch: dict[str, Any] = {
        "metadata": {"resourceVersion": version, "labels": {"group": "g"}},
        "spec": {"holderIdentity": "c", "leaseTransitions": 1},
    }
    merge = MERGE_PATCH
    await s.ask("lease by patch", "PATCH", path, patch, show=show_lease, content_type=merge)
    await s.ask("lease by patch twice", "PATCH", path, patch, content_type=merge)
    version = (await s.quiet("GET", path))["metadata"]["resourceVersion"]
    free = {"metadata": {"resourceVersion": version}, "spec": {"holderIdentity": None}}
    await s.ask("lease given back", "PATCH", path, free, show=show_lease, content_type=merge)
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


FLOWS: dict[str, Chapter] = {"jobflows": jobflows, "shaping": shaping}
OBJECTS_OF_JOBS: dict[str, Chapter] = {"jobs": jobs, "others": others}
