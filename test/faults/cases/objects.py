"""What other people's hands do: large objects, malformed ones, edits of Jobs and of statuses."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from cluster_suite.flows import flow, job, runs, step
from faults.cases import Case
from faults.cases.disturbance import disturbed
from faults.mixture import CHAIN, Due, Mixture
from faults.trial import Place, Trial
from jobflows.cluster.resources import JOBFLOWS, JOBS, PODS

Object = dict[str, Any]

LABEL = "workflow.kube-zen.io"
SEEN_SECONDS = 120.0
POLL_SECONDS = 0.1
LARGE = 460_000
"""Characters of one step of three; together with its Job's defaults below what etcd takes."""
FOREIGN = 1_300_000


def _steady(name: str, *, lost: bool = False, pods: int = 1) -> Mixture:
    """a runs for two seconds, then b; if a's first Job gets lost, a second one runs."""
    a = f"{name}-a-1"
    due = [Due(a, pods=pods, runs=False)]
    if lost:
        due = [Due(a, stays=False, runs=False), Due(f"{name}-a-2", (a,))]
    return Mixture(
        name=name,
        flows=(flow(name, step("a", pod=runs("2s")), step("b", "a")),),
        due=(*due, Due(f"{name}-b-1", (due[-1].job,))),
        phases={name: "Succeeded"},
        steps={name: {"a": "Succeeded", "b": "Succeeded"}},
        lost=lost,
    )


async def _large(place: Place, number: int) -> list[str]:
    def big(name: str, *after: str) -> Object:
        made = step(name, *after)
        main = made["template"]["spec"]["template"]["spec"]["containers"][0]
        main["args"] = ["x" * LARGE]
        return made

    mixture = Mixture(
        name="large",
        flows=(flow("large", big("a"), big("b", "a"), big("c", "b")),),
        due=(
            Due("large-a-1"),
            Due("large-b-1", ("large-a-1",)),
            Due("large-c-1", ("large-b-1",)),
        ),
        phases={"large": "Succeeded"},
        steps={"large": dict.fromkeys("abc", "Succeeded")},
    )

    async def disturb(trials: Sequence[Trial]) -> None:
        for trial in trials:
            noise = _foreign("large", {"managed-by": "jobflow"})
            noise["metadata"]["annotations"] = {"noise": "x" * 200_000}
            await trial.foreign("jobs", noise)
            await trial.foreign("configmaps", _map(FOREIGN))

    return await disturbed(place, number, disturb, mixtures=[mixture, CHAIN], calls=12)


async def _malformed(place: Place, number: int) -> list[str]:
    async def disturb(trials: Sequence[Trial]) -> None:
        for trial in trials:
            name = trial.mixture.flows[0]["metadata"]["name"]
            uid = trial.seen.flows[name]["metadata"]["uid"]
            ours = {"managed-by": "jobflow", "flow": name, "flow-uid": uid}
            for suffix, labels in {
                "bare": {"managed-by": "jobflow"},
                "nan": {**ours, "step": "a", "attempt": "NaN"},
                "huge": {**ours, "step": "a", "attempt": "9" * 60},
                "minus": {**ours, "step": "a", "attempt": "0"},
                "nobody": {**ours, "step": "nobody", "attempt": "1"},
                "twin": {**ours, "step": "b", "attempt": "1"},
                "other": {**ours, "flow-uid": "no-uid", "step": "b", "attempt": "1"},
            }.items():
                await trial.foreign("jobs", _foreign(suffix, labels))
                if suffix != "twin":  # one of a Job that is not there may be its last one
                    pod = _foreign(f"{suffix}-pod", labels)
                    pod["spec"] = pod["spec"]["template"]["spec"]
                    await trial.foreign("pods", pod)
            owner = {
                "apiVersion": f"{LABEL}/v1alpha1",
                "kind": "JobFlow",
                "name": name,
                "uid": uid,
                "controller": True,
            }
            forged = _foreign("owned", {**ours, "step": "a", "attempt": "7", "tasks": "9-x"})
            forged["metadata"]["ownerReferences"] = [owner]
            forged["metadata"]["annotations"] = {f"{LABEL}/tasks": "9-3,x", f"{LABEL}/values": "["}
            await trial.foreign("jobs", forged)
            change = {"metadata": {"annotations": _broken()}}
            await place.client.patch(JOBFLOWS, trial.namespace, name, change)

    return await disturbed(place, number, disturb, calls=12)


def _broken() -> dict[str, str]:
    return {
        f"{LABEL}/resume": '{"from": 7',
        f"{LABEL}/stop": "perhaps",
        f"{LABEL}/archived": "\u0000?"[1:],
        "approved.workflow.kube-zen.io/nobody": "maybe",
        "approved.workflow.kube-zen.io/b": "",
    }


def _edit_jobs(
    change: Object, back: Object | None = None, pods: int = 1
) -> Callable[..., Awaitable[list[str]]]:
    async def case(place: Place, number: int) -> list[str]:
        async def disturb(trials: Sequence[Trial]) -> None:
            (trial,) = trials
            await _runs(place, trial, "edited-a-1")
            await place.client.patch(JOBS, trial.namespace, "edited-a-1", change)
            if back is not None:
                await asyncio.sleep(1.0)
                await place.client.patch(JOBS, trial.namespace, "edited-a-1", back)

        mixture = _steady("edited", pods=pods)
        return await disturbed(place, number, disturb, mixtures=[mixture], calls=1)

    return case


async def _job_deleted(place: Place, number: int) -> list[str]:
    async def disturb(trials: Sequence[Trial]) -> None:
        (trial,) = trials
        await _runs(place, trial, "gone-a-1")
        await place.client.delete(JOBS, trial.namespace, "gone-a-1")

    mixture = _steady("gone", lost=True)
    return await disturbed(place, number, disturb, mixtures=[mixture], calls=1)


def _status_by_hand(status: Object | None, *, killed: bool) -> Callable[..., Awaitable[list[str]]]:
    async def case(place: Place, number: int) -> list[str]:
        async def disturb(trials: Sequence[Trial]) -> None:
            (trial,) = trials
            await _runs(place, trial, "written-a-1")
            await place.client.patch(
                JOBFLOWS, trial.namespace, "written", {"status": status}, subresource="status"
            )
            if killed:
                await trial.kill()

        return await disturbed(place, number, disturb, mixtures=[_steady("written")], calls=1)

    return case


GARBAGE = {
    "phase": "Running",
    "observedGeneration": 99,
    "startTime": "2999-01-01T00:00:00Z",
    "progress": {"completedSteps": 77, "totalSteps": 0, "summary": "?"},
    "steps": [
        {"name": "nobody", "phase": "Succeeded", "attempt": 3},
        {"name": "b", "phase": "Pending", "retryCount": 0, "message": "by hand"},
    ],
}


async def _runs(place: Place, trial: Trial, name: str) -> None:
    """Wait until a Job has a pod that runs."""
    async with asyncio.timeout(SEEN_SECONDS):
        while True:
            pods = await trial.objects(PODS)
            if any(
                pod["metadata"]["name"].startswith(f"{name}-")
                and pod.get("status", {}).get("phase") == "Running"
                for pod in pods
            ):
                return
            await asyncio.sleep(POLL_SECONDS)


def _foreign(name: str, labels: dict[str, str]) -> Object:
    """A Job of somebody else's that never runs, with labels like ours."""
    made = copy.deepcopy(job(suspend=True))
    made["metadata"] = {
        "name": f"foreign-{name}",
        "labels": {f"{LABEL}/{key}": value for key, value in labels.items()},
    }
    return made


def _map(size: int) -> Object:
    return {"metadata": {"name": "foreign-map"}, "data": {"x": "x" * min(size, 1_000_000)}}


NO_LABELS = {
    "metadata": {
        "labels": {f"{LABEL}/{key}": None for key in ("managed-by", "flow-uid", "step", "attempt")}
    }
}

CASES = (
    Case(
        "1.5 MB objects",
        "a flow of 1.4 MB in three steps, beside large objects of others",
        _large,
    ),
    Case(
        "malformed objects",
        "Jobs and pods of others with our labels, one with an owner reference; broken annotations"
        " on the flow",
        _malformed,
    ),
    Case(
        "Job suspended by hand",
        "suspend: true for a second while its pod runs, which has Kubernetes make another pod",
        _edit_jobs({"spec": {"suspend": True}}, {"spec": {"suspend": False}}, pods=2),
    ),
    Case(
        "Job's labels removed",
        "all labels of ours, while its pod runs",
        _edit_jobs(NO_LABELS),
    ),
    Case(
        "Job's annotations replaced",
        "annotations that nobody can read, while its pod runs",
        _edit_jobs({"metadata": {"annotations": {f"{LABEL}/tasks": "x", f"{LABEL}/values": "["}}}),
    ),
    Case(
        "Job deleted by hand",
        "while its pod runs: the attempt is lost, and the next one runs",
        _job_deleted,
    ),
    Case("status erased", "while a step runs", _status_by_hand(None, killed=False)),
    Case(
        "status erased, operator killed",
        "while a step runs: the next operator knows only the Jobs",
        _status_by_hand(None, killed=True),
    ),
    Case(
        "status written by hand",
        "with steps that are none, wrong numbers and times to come, while a step runs",
        _status_by_hand(GARBAGE, killed=False),
    ),
    Case(
        "status written by hand, operator killed",
        "the same, and the next operator has to read it",
        _status_by_hand(GARBAGE, killed=True),
    ),
)
