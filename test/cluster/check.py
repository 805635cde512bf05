"""A Job run to its end on a running cluster: proof that all the parts work together."""

import secrets
import time
from pathlib import Path

from cluster.api import Api, wait_for
from cluster.errors import ClusterError
from cluster.record import Record

_GREETING = "hello from a pod"


def run_job(record: Record, seconds: float = 60) -> str:
    """Run a one-pod Job and return a line about it; raises ClusterError if it does not succeed."""
    api = Api(record.server, record.tokens["admin"], Path(record.ca_file))
    name = f"check-{secrets.token_hex(4)}"
    jobs = "/apis/batch/v1/namespaces/default/jobs"
    pods = f"/api/v1/namespaces/default/pods?labelSelector=job-name%3D{name}"
    started = time.monotonic()
    api.create(jobs, _job(name))
    try:
        wait_for(f"pod of Job {name} has ended", lambda: _phase(api, pods) in _ENDED, seconds)
        pod_took = time.monotonic() - started
        wait_for(f"Job {name} is complete", lambda: _complete(api, f"{jobs}/{name}"), seconds)
        took = time.monotonic() - started
        said = ""
        if record.mode == "real":
            pod = api.get(pods)["items"][0]["metadata"]["name"]
            said = api.request("GET", f"/api/v1/namespaces/default/pods/{pod}/log").decode()
            if said.strip() != _GREETING:
                raise ClusterError(f"the pod's log is {said!r}, not {_GREETING!r}")
            said = ", its log read"
    finally:
        api.request("DELETE", f"{jobs}/{name}?propagationPolicy=Background")
    return f"check passed: pod ended after {pod_took:.2f} s, Job complete after {took:.2f} s{said}"


_ENDED = ("Succeeded", "Failed")


def _job(name: str) -> dict[str, object]:
    container = {"name": "main", "image": "busybox", "command": ["echo", _GREETING]}
    template = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    spec = {"backoffLimit": 0, "ttlSecondsAfterFinished": 60, "template": template}
    return {"metadata": {"name": name}, "spec": spec}


def _phase(api: Api, pods: str) -> str:
    found = api.get(pods)["items"]
    return str(found[0]["status"]["phase"]) if found else "Pending"


def _complete(api: Api, job: str) -> bool:
    conditions = api.get(job)["status"].get("conditions", [])
    held = {c["type"]: c for c in conditions if c["status"] == "True"}
    if "Failed" in held:
        raise ClusterError(f"the Job failed: {held['Failed'].get('message')}")
    return "Complete" in held
