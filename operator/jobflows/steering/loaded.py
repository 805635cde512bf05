"""A flow with its ledger, wherever it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from jobflows.engine import CompiledFlow, Ledger
from jobflows.steering.errors import SteerError, unknown


class Meta(Protocol):
    """What is read of an object's metadata."""

    @property
    def name(self) -> str: ...
    @property
    def namespace(self) -> str: ...
    @property
    def uid(self) -> str: ...
    @property
    def creationTimestamp(self) -> str: ...  # noqa: N802 - the API's own


class Record(Protocol):
    """A flow as it is stored: an object of the cluster, or a run of this machine."""

    @property
    def metadata(self) -> Meta: ...
    def decoded_status(self) -> Mapping[str, Any]:
        """What was last written down about it."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A flow with its ledger. `seen` is whether anybody has ever taken it up; `note` is what there
    is to be said instead of how it stands."""

    record: Any
    flow: CompiledFlow
    ledger: Ledger
    seen: bool
    note: str = ""

    def step(self, name: str) -> int:
        """The index of a step; raises `SteerError` with the nearest names."""
        index = self.flow.graph.index.get(name)
        if index is None:
            raise SteerError(unknown(f"flow {self.flow.name} has no step", name, self.names))
        return index

    @property
    def names(self) -> list[str]:
        """All steps."""
        return list(self.flow.graph.names)
