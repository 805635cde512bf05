"""`jobflow resume`: another run of what did not succeed, or of what is named.

The request is checked with the operator's own rules before it is made, so that one which makes no
sense is refused here, in words, and not by an event later.
"""

import json
import uuid
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jobflows.api.resume import RESUME_ANNOTATION, ResumeError, ResumeRequest
from jobflows.cli.connection import FlowName, SteerError, unknown
from jobflows.cli.flowfile import split_parameters
from jobflows.cli.tables import say
from jobflows.engine.rerun import choose, listed
from jobflows.engine.stopping import STOP_ANNOTATION

if TYPE_CHECKING:
    from jobflows.cli.cluster import Cluster, Loaded


async def resume(
    cluster: "Cluster",
    flow: FlowName,
    *,
    from_: Annotated[
        list[str] | None,
        typer.Option("--from", metavar="STEP", help="Run this step again, and all below it."),
    ] = None,
    succeeded: Annotated[
        list[str] | None,
        typer.Option("--succeeded", metavar="STEP", help="Take this step as done by hand."),
    ] = None,
    param: Annotated[
        list[str] | None,
        typer.Option("--param", "-p", metavar="NAME=VALUE", help="New value of a parameter."),
    ] = None,
    cold: Annotated[
        bool, typer.Option("--cold", help="Start what still runs again, too. Default: leave it.")
    ] = False,
) -> None:
    """Run again what did not succeed; finished steps keep their results.

    Exit code: 0 done, 1 no such flow or step, or nothing to resume, 2 wrong usage, 3 no cluster, or
    not allowed.

    Examples:

      jobflow resume etl

      jobflow resume etl --from load --param day=2026-02-01

      jobflow resume etl --succeeded check
    """
    values = split_parameters(param or [])
    request: dict[str, Any] = {"id": uuid.uuid4().hex, "mode": "cold" if cold else "hot"}
    if from_:
        request["from"] = from_
    if succeeded:
        request["set"] = dict.fromkeys(succeeded, "Succeeded")
    loaded = await cluster.load(flow)
    again = _check(loaded, request)

    def change(found: dict[str, Any]) -> dict[str, Any]:
        annotations = {RESUME_ANNOTATION: json.dumps(request), STOP_ANNOTATION: None}
        body: dict[str, Any] = {"metadata": {"annotations": annotations}}
        if values:
            body["spec"] = {"parameters": _changed(flow, found["spec"], values)}
        return body

    await cluster.edit(flow, change)
    runs = "step runs" if len(again) == 1 else "steps run"
    what = f"{len(again)} {runs} again: {listed(again)}"
    say(f"{flow}: resumed" + (f", {what}" if again else ""))


def _check(loaded: "Loaded", request: dict[str, Any]) -> list[str]:
    """The names of the steps that will run again; raises `SteerError` when it makes no sense."""
    for name in (*request.get("from", ()), *request.get("set", {})):
        loaded.step(name)
    try:
        chosen = choose(loaded.flow, loaded.ledger, ResumeRequest.model_validate(request))
    except ResumeError as error:
        raise SteerError(str(error)) from None
    return [loaded.flow.graph.names[i] for i in sorted(chosen.again)]


def _changed(flow: str, spec: dict[str, Any], values: dict[str, str]) -> list[dict[str, Any]]:
    """The parameters of a spec with new values."""
    parameters: list[dict[str, Any]] = spec.get("parameters") or []
    names = [each["name"] for each in parameters]
    for name in values:
        if name not in names:
            raise SteerError(unknown(f"flow {flow} has no parameter", name, names))
    return [each | {"value": values.get(each["name"], each["value"])} for each in parameters]
