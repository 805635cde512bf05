"""Names that tie an object to its flow. Users select by them, the informer indexes by them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from jobflows.api.model import GROUP

MANAGER = "jobflow"

FLOW = f"{GROUP}/flow"
FLOW_UID = f"{GROUP}/flow-uid"
STEP = f"{GROUP}/step"
ATTEMPT = f"{GROUP}/attempt"
LOCKS = f"{GROUP}/locks"
"""Annotation of Jobs and pods that hold locks: `{"<name>": <limit>}`."""
MANAGED_BY = f"{GROUP}/managed-by"

TASKS = f"{GROUP}/tasks"
"""Annotation of a Job that runs tasks of an array: their indexes, in the order of the Job's."""

POSITION = "batch.kubernetes.io/job-completion-index"
"""Label that Kubernetes gives to a pod of an Indexed Job: its position in the Job."""

MAP_BLOCK = f"{GROUP}/items-per-task"
"""Annotation of a Job that runs tasks of a map: how many items each of them has."""

SELECTOR = f"{MANAGED_BY}={MANAGER}"
"""Label selector of what the operator watches: all that it creates but the pods of arrays."""

NAME_LENGTH = 63
"""Longest label value, and so the longest Job name: Kubernetes labels pods with it."""


def job_name(flow: str, step: str, attempt: int) -> str:
    """The name of an attempt's Job: `<flow>-<step>-<attempt>`.

    Names too long for a label are cut, and end in 80 bits of a hash over the whole, so that two
    long names never meet.
    """
    name = f"{flow}-{step}-{attempt}"
    if len(name) <= NAME_LENGTH and "." not in flow:
        return name
    digest = _digest(f"{flow}/{step}/{attempt}")
    kept = name.replace(".", "-")[: NAME_LENGTH - len(digest) - 1].rstrip("-")
    return f"{kept}-{digest}"


def label_value(name: str) -> str:
    """A name as a label value; longer ones are cut and made unique by a hash."""
    if len(name) <= NAME_LENGTH:
        return name
    digest = _digest(name)
    return f"{name[: NAME_LENGTH - len(digest) - 1].rstrip('-.')}-{digest}"


def write_locks(locks: Mapping[str, int]) -> dict[str, str]:
    """The annotations of an attempt that holds these locks; none without any."""
    return {LOCKS: json.dumps(locks, separators=(",", ":"))} if locks else {}


def read_locks(annotations: Mapping[str, str]) -> dict[str, int]:
    """The locks in the annotations of a Job or pod; what somebody has spoilt is passed over."""
    try:
        found = json.loads(annotations.get(LOCKS, "{}"))
    except ValueError:
        return {}
    if not isinstance(found, dict):
        return {}
    return {name: limit for name, limit in found.items() if isinstance(limit, int)}


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=10).hexdigest()
