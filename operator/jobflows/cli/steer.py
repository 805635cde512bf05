"""What people tell a flow while it exists: yes, no, wait, go on, stop, so many at a time.

Each command sets an annotation or a field of the spec and is done; the operator acts on it. What
would have no effect, such as approving a step twice, is refused with the reason.
"""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from jobflows.api.validation.problems import listed
from jobflows.cli.connection import FlowName, SteerError, StepName, unknown
from jobflows.cli.tables import say
from jobflows.engine import StepPhase
from jobflows.engine.observations import StopMode
from jobflows.engine.starts import APPROVED_PREFIX
from jobflows.engine.stopping import STOP_ANNOTATION

if TYPE_CHECKING:
    from jobflows.cli.cluster import Cluster, Loaded


async def approve(cluster: "Cluster", flow: FlowName, step: StepName) -> None:
    """Approve a Manual step, also before it asks.

    Exit code: 0 done, 1 no such flow or step, or it is decided already, 2 wrong usage, 3 no
    cluster, or not allowed.

    Examples:

      jobflow approve release sign-off
    """
    await _answer(cluster, flow, step, yes=True)


async def reject(cluster: "Cluster", flow: FlowName, step: StepName) -> None:
    """Reject a Manual step: it fails, and what depends on it is skipped.

    Exit code: 0 done, 1 no such flow or step, or it is decided already, 2 wrong usage, 3 no
    cluster, or not allowed.

    Examples:

      jobflow reject release sign-off
    """
    await _answer(cluster, flow, step, yes=False)


async def pause(cluster: "Cluster", flow: FlowName) -> None:
    """Start no more steps of a flow; those that run go on.

    Exit code: 0 done, 1 no such flow, or it is finished, 2 wrong usage, 3 no cluster, or not
    allowed.

    Examples:

      jobflow pause etl
    """
    was = await _suspend(cluster, flow, True)
    say(f"{flow}: " + ("paused already" if was else "paused"))


async def unpause(cluster: "Cluster", flow: FlowName) -> None:
    """Let a paused flow go on.

    Exit code: 0 done, 1 no such flow, or it is finished, 2 wrong usage, 3 no cluster, or not
    allowed.

    Examples:

      jobflow unpause etl
    """
    was = await _suspend(cluster, flow, False)
    say(f"{flow}: " + ("goes on" if was else "was not paused"))


async def stop(
    cluster: "Cluster",
    flow: FlowName,
    *,
    terminate: Annotated[
        bool, typer.Option("--terminate", help="Run nothing more, not even onExit.")
    ] = False,
) -> None:
    """End a flow now: what runs is stopped, the rest is skipped, and the steps of onExit run.

    Exit code: 0 done, 1 no such flow, or it is finished, 2 wrong usage, 3 no cluster, or not
    allowed.

    Examples:

      jobflow stop etl

      jobflow stop etl --terminate
    """
    await _unfinished(cluster, flow)
    mode = StopMode.TERMINATE if terminate else StopMode.STOP
    await cluster.patch(flow, metadata={"annotations": {STOP_ANNOTATION: str(mode)}})
    say(f"{flow}: " + ("terminated" if terminate else "stopped"))


async def set_parallelism(
    cluster: "Cluster",
    flow: FlowName,
    number: Annotated[
        int, typer.Argument(metavar="N", min=0, help="Tasks at once; 0 starts no more.")
    ],
    *,
    template: Annotated[
        str | None, typer.Option(metavar="NAME", help="Tasks of this template only.")
    ] = None,
) -> None:
    """Change how many tasks of a flow run at once; lowering it stops nothing that runs.

    Exit code: 0 done, 1 no such flow or template, or it is finished, 2 wrong usage, 3 no cluster,
    or not allowed.

    Examples:

      jobflow set-parallelism etl 20

      jobflow set-parallelism etl 2 --template load
    """
    await _unfinished(cluster, flow)
    if template is None:
        await cluster.patch(flow, spec={"executionPolicy": {"parallelism": number}})
        say(f"{flow}: parallelism {number}")
        return

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

    await cluster.edit(flow, change)
    say(f"{flow}: parallelism {number} for tasks of template {template}")


async def _suspend(cluster: "Cluster", name: str, wanted: bool) -> bool:
    """Set `spec.suspend` of a flow; returns what it was."""
    loaded = await _unfinished(cluster, name)
    await cluster.patch(name, spec={"suspend": wanted})
    return loaded.flow.suspend


async def _answer(cluster: "Cluster", flow: str, step: str, *, yes: bool) -> None:
    loaded = await _unfinished(cluster, flow)
    index = loaded.step(step)
    record = loaded.ledger.steps[index]
    if not loaded.flow.steps[index].is_manual:
        manual = [each.name for each in loaded.flow.steps if each.is_manual]
        has = f"it has {listed(manual)}" if manual else "it has none"
        raise SteerError(f"step {step} of flow {flow} is no Manual step, {has}")
    if record.phase.terminal:
        raise SteerError(f"step {step} is {record.phase} already: {record.message}")
    value = "true" if yes else "false"
    await cluster.patch(flow, metadata={"annotations": {APPROVED_PREFIX + step: value}})
    early = "" if record.phase is StepPhase.PENDING_APPROVAL else " (before it asks)"
    say(f"{flow}: {step} " + ("approved" if yes else "rejected") + early)


async def _unfinished(cluster: "Cluster", name: str) -> "Loaded":
    loaded = await cluster.load(name)
    if loaded.ledger.phase.terminal:
        raise SteerError(f"flow {name} is {loaded.ledger.phase} already")
    return loaded
