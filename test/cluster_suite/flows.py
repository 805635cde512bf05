"""Writes flows for simulated pods: what a pod does is told by annotations, see `cluster/stages`."""

from __future__ import annotations

from typing import Any

Object = dict[str, Any]

_UNUSED = "nothing-pulls-this"


def flow(name: str, *steps: Object, **spec: Any) -> Object:
    """A JobFlow. A name that ends in a dash is a `generateName`."""
    return {
        "apiVersion": "workflow.kube-zen.io/v1alpha1",
        "kind": "JobFlow",
        "metadata": {"generateName": name} if name.endswith("-") else {"name": name},
        "spec": {"steps": list(steps), **spec},
    }


def step(name: str, *after: str, pod: Object | None = None, **fields: Any) -> Object:
    """A Job step behind the steps `after`; `pod` scripts its pod (`sim`), as a whole Job may."""
    made: Object = {"name": name, "template": job(pod), **fields}
    return {**made, "dependencies": list(after)} if after else made


def manual(name: str, *after: str, **fields: Any) -> Object:
    """A step that waits for a person."""
    made: Object = {"name": name, "type": "Manual", **fields}
    return {**made, "dependencies": list(after)} if after else made


def job(pod: Object | None = None, container: Object | None = None, **spec: Any) -> Object:
    """The template of a step: a Job with one container."""
    main = {"name": "main", "image": _UNUSED, **(container or {})}
    return {
        "spec": {
            **spec,
            "template": {
                "metadata": {"annotations": pod or {}},
                "spec": {"restartPolicy": "Never", "containers": [main]},
            },
        }
    }


def sim(outcome: str = "", **script: str) -> Object:
    """The script of a pod: how it ends, `run_for`, `exit_code`, `message`, `only_pods`…"""
    wanted = {"outcome": outcome, **script} if outcome else script
    return {f"sim.jobflow/{key.replace('_', '-')}": value for key, value in wanted.items()}


def fails_until(attempt: int, **script: str) -> Object:
    """A pod that fails in every attempt before this one (at most the ninth)."""
    return sim("fail", only_pods=f"-[1-{attempt - 1}]-[a-z0-9]{{5}}$", **script)


def runs(duration: str) -> Object:
    """A pod that takes its time and succeeds."""
    return sim(run_for=duration)


def retry(limit: int, wait: str = "100ms", **backoff: Any) -> Object:
    """A retryPolicy with a short and fixed wait."""
    return {"limit": limit, "backoff": {"type": "Fixed", "duration": wait, "jitter": 0, **backoff}}


def chain(name: str, length: int, pod: Object | None = None, **spec: Any) -> Object:
    """Steps s0 → s1 → …"""
    made = [step(f"s{i}", *([f"s{i - 1}"] if i else []), pod=pod) for i in range(length)]
    return flow(name, *made, **spec)


def diamond(name: str, pod: Object | None = None, **spec: Any) -> Object:
    """a, then b and c side by side, then d."""
    return flow(
        name,
        step("a", pod=pod),
        step("b", "a", pod=pod),
        step("c", "a", pod=pod),
        step("d", "b", "c", pod=pod),
        **spec,
    )


def layers(name: str, width: int, depth: int) -> Object:
    """Full layers: every step waits for the whole layer before it."""
    before: list[str] = []
    made: list[Object] = []
    for level in range(depth):
        layer = [f"s{level}-{i}" for i in range(width)]
        made += [step(each, *before) for each in layer]
        before = layer
    return flow(name, *made)


def fan(name: str, width: int) -> Object:
    """1 - width - 1."""
    middle = [f"m{i}" for i in range(width)]
    return flow(name, step("first"), *(step(m, "first") for m in middle), step("last", *middle))
