"""What the informer needs to know of an object: identity and version, nothing else.

Record types are msgspec structs that name only the fields their reader needs; everything else of an
object is skipped while decoding. A field of type `msgspec.Raw` must be copied in `__post_init__`,
or it keeps the whole page alive it was read from.
"""

from __future__ import annotations

from typing import Protocol, TypeVar

import msgspec


class Metadata(Protocol):
    """The `metadata` every record has."""

    @property
    def uid(self) -> str: ...
    @property
    def namespace(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def resourceVersion(self) -> str: ...  # noqa: N802 - the API's own name, as records decode it


class Record(Protocol):
    """A decoded object as an informer stores it."""

    @property
    def metadata(self) -> Metadata: ...


class ObjectMeta(msgspec.Struct, frozen=True, gc=False):
    """The least a record's metadata can be; for records that need nothing more of it."""

    name: str
    uid: str
    resourceVersion: str  # noqa: N815 - the same
    namespace: str = ""


T = TypeVar("T", bound=Record)

Key = tuple[str, str]
"""(namespace, name)"""


def key_of(record: Record) -> Key:
    """Where the record is stored."""
    metadata = record.metadata
    return metadata.namespace, metadata.name


def version_of(record: Record) -> int:
    """resourceVersions of one resource type compare as integers (Kubernetes API conventions)."""
    return int(record.metadata.resourceVersion)
