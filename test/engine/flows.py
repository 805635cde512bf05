"""Flows in few words, compiled for the engine; each passes the validator, as a user's would."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jobflows.api.validation import check
from jobflows.engine import CompiledFlow

START = 1_000_000.0
"""The moment at which the worlds of the tests begin, in UNIX seconds."""


def step(
    name: str,
    needs: str = "",
    *,
    retries: int | None = None,
    backoff: Mapping[str, Any] | None = None,
    losses: int | None = None,
    policy: Mapping[str, Any] | None = None,
    memory: str | None = None,
    cpu: str | None = None,
    timeout: int | None = None,
    job_ttl: int | None = None,
    manual: bool = False,
    may_fail: bool = False,
    inputs: Mapping[str, Any] | None = None,
    outputs: Mapping[str, str] | None = None,
    **fields: Any,
) -> dict[str, Any]:
    """One step as YAML has it; `policy` are further fields of its retryPolicy.

    Without a `backoff` a retry waits a second, without jitter.
    """
    document: dict[str, Any] = {"name": name, "dependencies": needs.split(), **fields}
    if manual:
        document["type"] = "Manual"
    else:
        container: dict[str, Any] = {"name": "main", "image": "busybox"}
        amounts = {k: v for k, v in (("memory", memory), ("cpu", cpu)) if v is not None}
        if amounts:
            container["resources"] = {"requests": amounts, "limits": amounts}
        pod = {"containers": [container], "restartPolicy": "Never"}
        document["template"] = {"spec": {"template": {"spec": pod}}}
        if job_ttl is not None:
            document["template"]["spec"]["ttlSecondsAfterFinished"] = job_ttl
    if retries is not None or losses is not None or policy is not None:
        wait = backoff or {"type": "Fixed", "duration": "1s", "jitter": 0.0}
        retry: dict[str, Any] = {"limit": retries or 0, "backoff": wait, **(policy or {})}
        document["retryPolicy"] = retry | (
            {} if losses is None else {"onDisruption": {"limit": losses}}
        )
    if timeout is not None:
        document["timeoutSeconds"] = timeout
    if may_fail:
        document["continueOnFailure"] = True
    if inputs:
        document["inputs"] = {"parameters": [_input(n, value) for n, value in inputs.items()]}
    if outputs:
        document["outputs"] = {
            "parameters": [
                {"name": n, "valueFrom": {"jsonPath": path}} for n, path in outputs.items()
            ]
        }
    return document


def _input(name: str, value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        return {"name": name, "value": value}
    return {"name": name, "valueFrom": value}


def flow(
    *steps: dict[str, Any],
    uid: str = "uid-1",
    generation: int = 1,
    created: float = START,
    suspend: bool = False,
    parameters: Mapping[str, str] | None = None,
    volumes: tuple[str, ...] = (),
    on_exit: Sequence[dict[str, Any]] = (),
    templates: Sequence[Mapping[str, Any]] = (),
    **policy: Any,
) -> CompiledFlow:
    """Compile a flow of `steps`; other keywords are fields of its executionPolicy."""
    claims = [
        {
            "metadata": {"name": volume},
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": "1Gi"}},
            },
        }
        for volume in volumes
    ]
    document = {
        "apiVersion": "workflow.kube-zen.io/v1alpha1",
        "kind": "JobFlow",
        "metadata": {"name": "flow", "namespace": "ns", "uid": uid, "generation": generation},
        "spec": {
            "suspend": suspend,
            "parameters": [{"name": n, "value": v} for n, v in (parameters or {}).items()],
            "executionPolicy": policy,
            "resourceTemplates": {"volumeClaimTemplates": claims},
            "templates": list(templates),
            "steps": list(steps),
            "onExit": list(on_exit),
        },
    }
    checked = check(document)
    assert checked.flow is not None, checked.problems
    return CompiledFlow.compile(checked.flow, created=created)
