"""Yes, no, wait, go on, stop, so many at a time: the orders that a flow takes while it runs.

Each sets an annotation or a field of the spec, and returns what was done, in words. What would have
no effect, such as approving a step twice, is a `SteerError` with the reason.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from jobflows.api.validation.problems import listed
from jobflows.engine import StepPhase
from jobflows.engine.observations import StopMode
from jobflows.engine.starts import APPROVED_PREFIX
from jobflows.engine.stopping import STOP_ANNOTATION
from jobflows.steering.errors import SteerError, unknown
from jobflows.steering.loaded import Loaded


class Place(Protocol):
    """Where flows are: a namespace of a cluster, or this machine."""

    async def load(self, name: str) -> Loaded:
        """One flow; raises `SteerError`."""
        ...

    async def patch(self, name: str, **parts: Any) -> None:
        """Change `metadata` and `spec` of a flow."""
        ...

    async def edit(self, name: str, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        """Patch a flow with `change(flow)`."""
        ...


async def answer(place: Place, flow: str, step: str, *, yes: bool) -> str:
    """Approve or reject a Manual step, also before it asks."""
    loaded = await unfinished(place, flow)
    index = loaded.step(step)
    record = loaded.ledger.steps[index]
    if not loaded.flow.steps[index].is_manual:
        manual = [each.name for each in loaded.flow.steps if each.is_manual]
        has = f"it has {listed(manual)}" if manual else "it has none"
        raise SteerError(f"step {step} of flow {flow} is no Manual step, {has}")
    if record.phase.terminal:
        raise SteerError(f"step {step} is {record.phase} already: {record.message}")
    await place.patch(
        flow, metadata={"annotations": {APPROVED_PREFIX + step: "true" if yes else "false"}}
    )
    early = "" if record.phase is StepPhase.PENDING_APPROVAL else " (before it asks)"
    return f"{step} " + ("approved" if yes else "rejected") + early


async def pause(place: Place, flow: str) -> str:
    """Start no more steps; those that run go on."""
    was = await _suspend(place, flow, wanted=True)
    return "paused already" if was else "paused"


async def unpause(place: Place, flow: str) -> str:
    """Let a paused flow go on."""
    was = await _suspend(place, flow, wanted=False)
    return "goes on" if was else "was not paused"


async def stop(place: Place, flow: str, *, terminate: bool = False) -> str:
    """End a flow now; with `terminate` not even the steps of onExit run."""
    await unfinished(place, flow)
    mode = StopMode.TERMINATE if terminate else StopMode.STOP
    await place.patch(flow, metadata={"annotations": {STOP_ANNOTATION: str(mode)}})
    return "terminated" if terminate else "stopped"


async def set_parallelism(
    place: Place, flow: str, number: int, *, template: str | None = None
) -> str:
    """Change how many tasks run at once, of the flow or of one of its templates."""
    await unfinished(place, flow)
    if template is None:
        await place.patch(flow, spec={"executionPolicy": {"parallelism": number}})
        return f"parallelism {number}"

    def change(found: dict[str, Any]) -> dict[str, Any]:
        templates = found["spec"].get("templates") or []
        names = [each["name"] for each in templates]
        if template not in names:
            raise SteerError(unknown(f"flow {flow} has no template", template, names))
        changed = [
            each | {"parallelism": number} if each["name"] == template else each
            for each in templates
        ]
        return {"spec": {"templates": changed}}

    await place.edit(flow, change)
    return f"parallelism {number} for tasks of template {template}"


async def unfinished(place: Place, name: str) -> Loaded:
    """A flow that has not ended."""
    loaded = await place.load(name)
    if loaded.ledger.phase.terminal:
        raise SteerError(f"flow {name} is {loaded.ledger.phase} already")
    return loaded


async def _suspend(place: Place, name: str, *, wanted: bool) -> bool:
    """Set `spec.suspend` of a flow; returns what it was."""
    loaded = await unfinished(place, name)
    await place.patch(name, spec={"suspend": wanted})
    return loaded.flow.suspend
