"""What `up` tells about a cluster: written when all of it is ready, printed as text or JSON."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from cluster.paths import State

Mode = Literal["sim", "real"]


@dataclass(frozen=True, slots=True)
class Record:
    """How to reach a running cluster.

    `tokens` maps a client to its bearer token; `prometheus` maps a component to its metrics
    address (https ones want the admin token); `pids` holds the processes of this machine, none for
    kind; `details` is what only one mode has.
    """

    name: str
    mode: Mode
    provider: Literal["binaries", "kind"]
    kubernetes: str
    kubeconfig: str
    server: str
    ca_file: str
    tokens: dict[str, str]
    logs: str
    audit_log: str | None = None
    prometheus: dict[str, str] = field(default_factory=dict)
    pids: dict[str, int] = field(default_factory=dict)
    kubectl: str = "kubectl"
    details: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> str:
        """For programs: the fields above, as they are."""
        return json.dumps(asdict(self), indent=2)

    def to_text(self) -> str:
        """For people: what it is, and the line that points kubectl at it."""
        what = f"cluster {self.name} ({self.mode}, Kubernetes {self.kubernetes}) at {self.server}"
        return f"{what}\nlogs: {self.logs}\nexport KUBECONFIG={self.kubeconfig}"


def save(state: State, record: Record) -> None:
    """Written whole or not at all: a record means that `up` reached its end."""
    unfinished = state.record.with_suffix(".new")
    unfinished.touch(mode=0o600)
    unfinished.write_text(record.to_json())
    unfinished.replace(state.record)


def load(state: State) -> Record | None:
    """The record of a cluster whose `up` ended well, whether or not it still runs."""
    try:
        return Record(**json.loads(state.record.read_text()))
    except FileNotFoundError:
        return None
