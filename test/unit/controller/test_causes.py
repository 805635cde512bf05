"""Causes on a cluster: memory that grows until it fits, images that do not exist, lost pods."""

from __future__ import annotations

from cluster_suite.flows import flow, job, retry, sim, step
from unit.controller.stage import Object, Stage, play

PODS = "/api/v1/namespaces/default/pods"
GROWING = {**retry(4), "resources": {"memory": {"factor": 1.5, "max": "96Mi"}}}


def heavy(needs: str) -> Object:
    """A step with 32 Mi that needs more."""
    container = {"resources": {"requests": {"memory": "32Mi"}, "limits": {"memory": "32Mi"}}}
    template = job(sim(needs_memory=needs), container)
    return {"name": "a", "template": template, "retryPolicy": GROWING}


def test_scenario_13_oom_growth() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(flow("f", heavy("60Mi")))
        await stage.ended("f")
        assert stage.phase("f") == "Succeeded"
        done = stage.step("f", "a")
        assert (done["attempt"], done["outOfMemoryCount"]) == (3, 2)
        assert done["resources"] == {"memory": "72Mi"}
        assert [failed.get("resources") for failed in done["failures"]] == [
            None,
            {"memory": "48Mi"},
        ]
        limits = []
        for number in (1, 2, 3):
            made = stage.job(f"f-a-{number}")
            assert made is not None
            (container,) = made["spec"]["template"]["spec"]["containers"]
            limits.append(container["resources"]["limits"]["memory"])
        assert limits == ["32Mi", "48Mi", "72Mi"]
        assert stage.gauge("zen_flow_step_retries_total", cause="OutOfMemory") == 2
        told = [note for reason, note in stage.events() if reason == "StepRetry"]
        assert "with memory 48Mi" in told[0]
        assert "with memory 72Mi" in told[1]

    play(scenario)


def test_scenario_13_what_has_grown_survives_a_restart() -> None:
    async def scenario(stage: Stage) -> None:
        patient = heavy("60Mi")
        patient["retryPolicy"] = {**GROWING, **retry(4, "60s")}
        await stage.apply(flow("f", patient))
        await stage.until(lambda: stage.step("f", "a").get("outOfMemoryCount") == 1)
        await stage.restart()
        await stage.until(lambda: stage.step("f", "a").get("outOfMemoryCount") == 2)
        await stage.restart()
        await stage.ended("f")
        assert stage.step("f", "a")["resources"] == {"memory": "72Mi"}
        assert stage.step("f", "a")["attempt"] == 3

    play(scenario)


def test_an_image_that_cannot_be_pulled_fails_at_once_and_nothing_is_left() -> None:
    async def scenario(stage: Stage) -> None:
        lost = step("a", pod=sim("image-error"), retryPolicy=retry(5))
        await stage.apply(flow("f", lost, step("b", "a")))
        await stage.ended("f", seconds=60)
        assert stage.phases("f") == {"a": "Failed", "b": "Skipped"}
        assert stage.step("f", "a")["reason"] == "ImagePullBackOff"
        assert len(stage.starts) == 1
        await stage.until(lambda: not stage.jobs() and not stage.pods(), seconds=60)

    play(scenario)


def test_scenario_23_lost_pod() -> None:
    async def scenario(stage: Stage) -> None:
        hangs = sim("never", only_pods="-a-1-[a-z0-9]{5}$")
        await stage.apply(flow("f", step("a", pod=hangs)))
        await stage.until(lambda: stage.pods_run["f", "a", 1] == 1)
        (pod,) = stage.pods()
        body = {"gracePeriodSeconds": 0}
        await stage.call("DELETE", f"{PODS}/{pod['metadata']['name']}", body)
        await stage.ended("f")
        assert stage.phase("f") == "Succeeded"
        done = stage.step("f", "a")
        assert (done["attempt"], done["lostCount"]) == (2, 1)
        assert done["failures"] == [{"attempt": 1, "cause": "Disruption", "reason": "PodDeleted"}]

    play(scenario)
