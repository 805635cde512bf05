"""Facts to write in tests."""

from __future__ import annotations

from typing import Any

from jobflows.archive import AttemptFact, FlowFact, KindOf, Known

START = 1_800_000_000.0


def kind(name: str = "fit", *, family: str = "etl", namespace: str = "lab") -> KindOf:
    return KindOf(origin="cluster", namespace=namespace, family=family, name=name)


def attempt(**changes: Any) -> AttemptFact:
    """An attempt that succeeded in ten seconds."""
    fields: dict[str, Any] = {
        "flow_id": "f1",
        "step": "fit",
        "attempt": 1,
        "kind": kind(),
        "version": Known.POD.at(7),
        "phase": "Succeeded",
        "exit_code": 0,
        "started": START,
        "finished": START + 10,
    }
    return AttemptFact(**fields | changes)


def failed(message: str = "exit code 1", **changes: Any) -> AttemptFact:
    fields: dict[str, Any] = {
        "phase": "Failed",
        "cause": "Application",
        "reason": "Error",
        "message": message,
        "exit_code": 1,
    }
    return attempt(**fields | changes)


def flow(id: str = "f1", *, version: int = 1, run: int = 1, **changes: Any) -> FlowFact:
    """A flow of one step that runs."""
    stands = {
        "phase": "Running",
        "reason": "Started",
        "message": "",
        "started": START,
        "finished": None,
        "completed": 0,
        "total": 1,
    }
    head = {
        "id": id,
        "origin": "cluster",
        "namespace": "lab",
        "name": f"etl-{id}",
        "family": "etl",
        "run": run,
        "created": START,
        "deleted": None,
        "created_by": "",
        "version": version,
    }
    step = {
        "flow_id": id,
        "run": run,
        "step": "fit",
        "position": 0,
        "on_exit": False,
        "kind_id": kind().id,
        "phase": "Running",
        "reason": "",
        "message": "",
        "started": START,
        "finished": None,
        "attempts": 1,
        **dict.fromkeys(("retries", "out_of_memory", "timeouts", "losses"), 0),
        "outputs": "{}",
        "tasks": "",
        "version": version,
    }
    known = {name: changes[name] for name in stands if name in changes}
    return FlowFact(
        flow={**head, **stands, **changes},
        run={"flow_id": id, "run": run, "version": version, **stands, **known},
        steps=[step],
        kinds=[kind()],
        document={
            "flow_id": id,
            "document": '{"apiVersion": "v", "kind": "JobFlow", "metadata": {}, "spec": {}}',
            "version": 1,
        },
    )
