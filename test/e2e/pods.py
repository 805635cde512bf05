"""What real pods tell: when their processes ran, and what they printed."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from cluster_suite.kube import STEP, Kube, moment

Object = dict[str, Any]
IMAGE = "busybox:1.36"


def shell(script: str, **container: Any) -> Object:
    """The template of a step that runs a shell script and dies at once when it is told to."""
    main = {"name": "main", "image": IMAGE, "command": ["sh", "-c", script], **container}
    pod = {"containers": [main], "terminationGracePeriodSeconds": 1}
    return {"spec": {"template": {"spec": pod}}}


def spans(kube: Kube, flow: str) -> dict[str, tuple[datetime, datetime]]:
    """When the last container of each step began and ended, by the kubelet's clock."""
    found: dict[str, tuple[datetime, datetime]] = {}
    for pod in kube.pods(flow):
        ended = pod["status"]["containerStatuses"][0]["state"]["terminated"]
        span = (moment(ended["startedAt"]), moment(ended["finishedAt"]))
        step = pod["metadata"]["labels"][STEP]
        found[step] = max(found.get(step, span), span)
    return found


def ran_in_order(kube: Kube, flow: str) -> None:
    """Check that no process of the flow ran before those that it depends on had ended."""
    seen = spans(kube, flow)
    for step in kube.get("jf", flow)["spec"]["steps"]:
        for above in step.get("dependencies", ()):
            if step["name"] in seen and above in seen:
                began, ended = seen[step["name"]][0], seen[above][1]
                assert began >= ended, f"{step['name']} began at {began}, {above} ended at {ended}"


def logs(kube: Kube, flow: str, step: str, attempt: int = 1) -> str:
    """`kubectl logs` of an attempt."""
    return kube("logs", f"job/{flow}-{step}-{attempt}").strip()


def is_running(argument: str) -> bool:
    """Whether a process of this machine, in a container or not, has this argument."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if argument.encode() in path.read_bytes().split(b"\0"):
                return True
        except OSError:
            continue  # it ended in the meantime
    return False
