"""Names that tie an object to its flow. Users select by them, the informer indexes by them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Protocol

from jobflows.api.model import GROUP

MANAGER = "jobflow"

FLOW = f"{GROUP}/flow"
FLOW_UID = f"{GROUP}/flow-uid"
STEP = f"{GROUP}/step"
ATTEMPT = f"{GROUP}/attempt"
LOCKS = f"{GROUP}/locks"
"""Annotation of Jobs and pods that hold locks: `{"<name>": <limit>}`."""
MANAGED_BY = f"{GROUP}/managed-by"
SHARD = f"{GROUP}/shard"
"""Label of Jobs and pods: the bucket of their flow, as in its `status.shard`."""

ARCHIVED = f"{GROUP}/archived"
"""Annotation of a flow: the number of its run that has ended and is in the archive."""

TASKS = f"{GROUP}/tasks"
"""Annotation of a Job that runs tasks of an array: their indexes, in the order of the Job's."""

POSITION = "batch.kubernetes.io/job-completion-index"
"""Label that Kubernetes gives to a pod of an Indexed Job: its position in the Job."""

QUEUE = "kueue.x-k8s.io/queue-name"
"""Label of a Job that queues in Kueue."""

JOB_NAME = "batch.kubernetes.io/job-name"
"""Label that Kubernetes gives to each pod of a Job, and that an orphaned one keeps."""

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
    return spare_job_name(flow, step, attempt)


def spare_job_name(flow: str, step: str, attempt: int) -> str:
    """The same with the hash in any case: for when another flow has come to the short name."""
    name = f"{flow}-{step}-{attempt}"
    digest = _digest(f"{flow}/{step}/{attempt}")
    kept = name.replace(".", "-")[: NAME_LENGTH - len(digest) - 1].rstrip("-")
    return f"{kept}-{digest}"


def is_job_name(name: str, flow: str, step: str, attempt: int) -> bool:
    """Whether the operator may have given this name to the Job of an attempt."""
    attempted = (flow, step, attempt)
    return name == job_name(*attempted) or name == spare_job_name(*attempted)


def label_value(name: str) -> str:
    """A name as a label value; longer ones are cut and made unique by a hash."""
    if len(name) <= NAME_LENGTH:
        return name
    digest = _digest(name)
    return f"{name[: NAME_LENGTH - len(digest) - 1].rstrip('-.')}-{digest}"


def write_locks(locks: Mapping[str, int]) -> dict[str, str]:
    """The annotations of an attempt that holds these locks; none without any."""
    return {LOCKS: json.dumps(locks, separators=(",", ":"))} if locks else {}


class Marks(Protocol):
    """What can be asked for a label or an annotation."""

    def __getitem__(self, key: str, /) -> str: ...
    def __contains__(self, key: str, /) -> bool: ...


def read_locks(annotations: Marks) -> dict[str, int]:
    """The locks in the annotations of a Job or pod; what somebody has spoilt is passed over."""
    if LOCKS not in annotations:
        return {}
    try:
        found = json.loads(annotations[LOCKS])
    except (ValueError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {name: limit for name, limit in found.items() if isinstance(limit, int) and limit >= 1}


def without_ours(marks: Mapping[str, str] | None) -> Mapping[str, str]:
    """Labels or annotations of a template without those that only the operator writes."""
    if not marks:
        return {}
    return {key: value for key, value in marks.items() if not is_ours(key)}


def is_ours(key: str) -> bool:
    """Whether a label or an annotation is the operator's own, by which it knows what it made."""
    return key.startswith(f"{GROUP}/")


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=10).hexdigest()
