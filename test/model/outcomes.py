"""What a simulated pod does: by a test's script, or by annotations on the pod.

The annotations are those of the simulated cluster (`test/cluster/stages`), so a flow written for
one runs the same on the other:

    sim.jobflow/run-for: "500ms"          sim.jobflow/pending-for: "1s"
    sim.jobflow/outcome: succeed | fail | oom | never | image-error
    sim.jobflow/exit-code: "3"            sim.jobflow/message: termination message
    sim.jobflow/needs-memory: "128Mi"     OOMKilled while the limit is below
    sim.jobflow/only-pods: "-0-"          a regular expression: other pods have no script
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

PREFIX = "sim.jobflow/"

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_MEMORY = {"Mi": 1, "Gi": 1024}


@dataclass(frozen=True, slots=True)
class Outcome:
    """One pod's life.

    run_for      seconds from Running to the end
    pending_for  seconds from bound to Running
    exit_code    of the first container; the others end with 0
    reason       of its terminated state; by default Completed or Error, e.g. OOMKilled
    message      its termination message
    evict        the pod is evicted instead: phase Failed, condition DisruptionTarget
    never        it runs until deleted
    image_error  it stays Pending on ImagePullBackOff
    """

    run_for: float = 0.0
    exit_code: int = 0
    reason: str = ""
    message: str = ""
    evict: bool = False
    never: bool = False
    image_error: bool = False
    pending_for: float = 0.0

    @classmethod
    def of_annotations(cls, pod: dict[str, Any]) -> Outcome:
        said = pod["metadata"].get("annotations") or {}
        script = {k[len(PREFIX) :]: v for k, v in said.items() if k.startswith(PREFIX)}
        base = cls(
            run_for=duration(script.get("run-for", "0s")),
            pending_for=duration(script.get("pending-for", "0s")),
        )
        if not re.search(script.get("only-pods", ""), pod["metadata"]["name"]):
            return base
        message = script.get("message", "")
        outcome = script.get("outcome", "succeed")
        if _too_little_memory(pod, script.get("needs-memory", "")):
            outcome = "oom"
        match outcome:
            case "fail":
                code = int(script.get("exit-code", "1"))
                return replace(base, exit_code=code, message=message)
            case "oom":
                return replace(base, exit_code=137, reason="OOMKilled", message=message)
            case "never":
                return replace(base, never=True)
            case "image-error":
                return replace(base, image_error=True)
            case _:
                return replace(base, message=message)


Script = Callable[[dict[str, Any]], Outcome]


def duration(text: str) -> float:
    """Seconds of a Go duration such as `1m30s` or `500ms`."""
    parts = re.findall(r"([0-9.]+)(ms|[smh])", text)
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


def _too_little_memory(pod: dict[str, Any], need: str) -> bool:
    resources = pod["spec"]["containers"][0].get("resources") or {}
    limit = (resources.get("limits") or {}).get("memory", "")
    return bool(need and limit) and _mebibytes(limit) < _mebibytes(need)


def _mebibytes(text: str) -> int:
    return int(text[:-2]) * _MEMORY[text[-2:]]
