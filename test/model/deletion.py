"""DELETE: preconditions, propagation, grace, finalizers.

An object without finalizers goes at once; with some it gets a deletionTimestamp and goes with the
last of them (`finalize`). Foreground and orphan propagation are finalizers too, which the garbage
collector (`model.gc`) takes off. Only pods have a grace period, in which the kubelet stops them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from model.errors import bad_request, failed_precondition, invalid
from model.kinds import NAMESPACES, PODS, Kind
from model.storage import Object, Record, Storage
from model.strategy import timestamp

FOREGROUND = "foregroundDeletion"
ORPHAN = "orphan"

_OPTIONS = Kind("meta.k8s.io", "v1", "deleteoptions", "DeleteOptions")


@dataclass(frozen=True, slots=True)
class Options:
    """What a DeleteOptions body or the query asks for."""

    propagation: str | None = None
    grace: int | None = None
    uid: str | None = None
    resource_version: str | None = None


def parse(body: Any, query: dict[str, str]) -> Options:
    if not isinstance(body, dict):
        raise bad_request("the object provided is unrecognized (must be of type DeleteOptions)")
    preconditions = body.get("preconditions") or {}
    propagation = body.get("propagationPolicy") or (
        None if body else query.get("propagationPolicy")
    )
    if propagation not in (None, "Background", "Foreground", "Orphan"):
        text = f'Unsupported value: "{propagation}": supported values: "Foreground", "Background", '
        text += '"Orphan", "nil"'
        raise invalid(_OPTIONS, "", [("FieldValueNotSupported", text, "propagationPolicy")])
    grace = body.get("gracePeriodSeconds")
    if grace is None and not body and "gracePeriodSeconds" in query:
        grace = int(query["gracePeriodSeconds"])
    return Options(
        propagation, grace, preconditions.get("uid"), preconditions.get("resourceVersion")
    )


def delete(
    storage: Storage, record: Record, now: float, options: Options = Options()
) -> tuple[Record, bool]:
    """The object's state after the call, and whether it is gone already."""
    _check_preconditions(record, options)
    finalizers = _finalizers(record, options)
    if record.kind is not PODS and not finalizers:
        return storage.remove(record), True
    grace = _grace(record, options)
    metadata = dict(record.metadata)
    _set(metadata, "finalizers", finalizers)
    first = "deletionTimestamp" not in metadata
    if first or grace < metadata.get("deletionGracePeriodSeconds", 0):
        metadata["deletionTimestamp"] = timestamp(now + grace)
        metadata["deletionGracePeriodSeconds"] = grace
    if first and "generation" in metadata:
        metadata["generation"] += 1
    obj = {**record.obj, "metadata": metadata}
    if record.kind is NAMESPACES:
        obj["status"] = {**(obj.get("status") or {}), "phase": "Terminating"}
    if obj != record.obj:
        record = storage.put(record.kind, obj)
    if finished(obj):  # a pod without grace: marked first, which watchers see, then removed
        storage.remove(record)
        return record, True
    return record, False


def finished(obj: Object) -> bool:
    """Whether an update leaves nothing that keeps a deleted object alive."""
    metadata = obj["metadata"]
    return (
        "deletionTimestamp" in metadata
        and not metadata.get("finalizers")
        and not metadata.get("deletionGracePeriodSeconds")
    )


def _check_preconditions(record: Record, options: Options) -> None:
    if options.uid is not None and options.uid != record.uid:
        why = f"the UID in the precondition ({options.uid}) does not match the UID in record"
        hint = "The object might have been deleted and then recreated"
        raise failed_precondition(record.kind, record.name, f"{why} ({record.uid}). {hint}")
    wanted = options.resource_version
    if wanted is not None and wanted != str(record.rv):
        why = f"the ResourceVersion in the precondition ({wanted}) does not match the "
        hint = f"ResourceVersion in record ({record.rv}). The object might have been modified"
        raise failed_precondition(record.kind, record.name, why + hint)


def _finalizers(record: Record, options: Options) -> list[str]:
    present = list(record.metadata.get("finalizers") or ())
    policy = options.propagation
    if policy is None:
        # A finalizer put there before counts as the wish; then the kind's own default.
        if record.kind.orphan and ORPHAN not in present and FOREGROUND not in present:
            present.append(ORPHAN)
        return present
    kept = [name for name in present if name not in (FOREGROUND, ORPHAN)]
    if policy == "Foreground":
        kept.append(FOREGROUND)
    if policy == "Orphan":
        kept.append(ORPHAN)
    return kept


def _grace(record: Record, options: Options) -> int:
    if record.kind is not PODS:
        return 0
    phase = (record.obj.get("status") or {}).get("phase")
    if "nodeName" not in record.obj["spec"] or phase in ("Succeeded", "Failed"):
        return 0
    asked = options.grace
    if asked is None:
        asked = record.obj["spec"].get("terminationGracePeriodSeconds", 30)
    pending: int = record.metadata.get("deletionGracePeriodSeconds", asked)
    return min(int(asked), pending)


def _set(metadata: Object, field: str, value: list[str]) -> None:
    if value:
        metadata[field] = value
    else:
        metadata.pop(field, None)
