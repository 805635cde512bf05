"""The labels and annotations of Jobs and pods that the operator reads.

Thousands of records hold them, so each is a struct with these keys and no others, and what all Jobs
of a flow say is kept once.
"""

from __future__ import annotations

from sys import intern

import msgspec

from jobflows.manifests import labels

settle = msgspec.structs.force_setattr
"""Sets a field of a record that is being made; once it is made, it is frozen."""


class _Known(msgspec.Struct, frozen=True, gc=False):
    """A mapping of strings with these keys and no others; an empty value is a missing one.

    Asking for another key is a mistake of who asks, so it raises `LookupError`.
    """

    def get(self, key: str, default: str = "") -> str:
        return _value(self, key) or default

    def __getitem__(self, key: str) -> str:
        value = _value(self, key)
        if not value:
            raise KeyError(key)
        return value

    def __contains__(self, key: str) -> bool:
        return bool(_value(self, key))


def _value(known: _Known, key: str) -> str:
    if key not in _FIELDS:
        raise LookupError(f"{key} is not decoded: add it to {type(known).__name__}")
    value: str = getattr(known, _FIELDS[key], "")
    return value


class Labels(
    _Known,
    frozen=True,
    gc=False,
    rename={
        "flow_uid": labels.FLOW_UID,
        "step": labels.STEP,
        "attempt": labels.ATTEMPT,
        "position": labels.POSITION,
        "job_name": labels.JOB_NAME,
        "queue": labels.QUEUE,
        "shard": labels.SHARD,
    },
):
    """The labels of a Job or pod."""

    flow_uid: str = ""
    step: str = ""
    attempt: str = ""
    position: str = ""
    job_name: str = ""
    queue: str = ""
    shard: str = ""

    def __post_init__(self) -> None:
        settle(self, "flow_uid", intern(self.flow_uid))
        settle(self, "step", intern(self.step))


class Annotations(
    _Known,
    frozen=True,
    gc=False,
    rename={"locks": labels.LOCKS, "tasks": labels.TASKS, "map_block": labels.MAP_BLOCK},
):
    """The annotations of a Job or pod."""

    locks: str = ""
    tasks: str = ""
    map_block: str = ""


_FIELDS = {
    field.encode_name: field.name
    for kind in (Labels, Annotations)
    for field in msgspec.structs.fields(kind)
}
