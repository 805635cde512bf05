"""Jobs, pods and the garbage collector, beyond what the contract script covers."""

from __future__ import annotations

from typing import Any

import pytest

from model import ApiServer, Outcome, simulate
from model.kinds import CLAIMS, CONFIGMAPS, JOBS, NAMESPACES, PODS

from .asking import JOBS_PATH, PODS_PATH, conditions, configmap, job, send


def pods(server: ApiServer) -> list[Any]:
    return server.objects(PODS, "default")


def test_a_job_says_a_second_after_its_pod_that_it_is_complete() -> None:
    async def scenario(server: ApiServer) -> None:
        server.script = lambda pod: Outcome(run_for=5.0)
        server.create(JOBS, job("a"), "default")
        await server.clock.sleep(5.2)
        assert pods(server)[0]["status"]["phase"] == "Succeeded"
        assert conditions(server, "a") == {}
        await server.clock.sleep(1.0)
        assert conditions(server, "a")["Complete"] == "CompletionsReached"

    simulate(scenario)


def test_a_scripted_failure_shows_in_the_pod_as_a_kubelet_writes_it() -> None:
    async def scenario(server: ApiServer) -> None:
        server.script = lambda pod: Outcome(exit_code=137, reason="OOMKilled", message="died")
        server.create(JOBS, job("a", backoffLimit=0), "default")
        await server.clock.sleep(2.0)
        ended = pods(server)[0]["status"]["containerStatuses"][0]["state"]["terminated"]
        assert (ended["exitCode"], ended["reason"], ended["message"]) == (137, "OOMKilled", "died")
        assert conditions(server, "a")["Failed"] == "BackoffLimitExceeded"

    simulate(scenario)


def test_failed_pods_are_replaced_at_growing_intervals() -> None:
    async def scenario(server: ApiServer) -> list[float]:
        server.script = lambda pod: Outcome(exit_code=1)
        server.create(JOBS, job("a", backoffLimit=3), "default")
        starts: dict[str, float] = {}
        for second in range(120):
            for pod in pods(server):
                starts.setdefault(pod["metadata"]["name"], second)
            await server.clock.sleep(1.0)
        return sorted(starts.values())

    first, second, third, fourth = simulate(scenario)
    assert [second - first, third - second, fourth - third] == pytest.approx([10, 20, 40], abs=2)


def test_an_evicted_pod_ignored_by_policy_is_replaced_and_not_counted() -> None:
    async def scenario(server: ApiServer) -> None:
        server.script = lambda pod: Outcome(run_for=1.0, evict=len(pods(server)) == 1)
        rule = {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]}
        spec: dict[str, Any] = {"backoffLimit": 0, "podFailurePolicy": {"rules": [rule]}}
        server.create(JOBS, job("a", **spec), "default")
        await server.clock.sleep(60.0)
        assert conditions(server, "a")["Complete"] == "CompletionsReached"
        evicted = [pod for pod in pods(server) if pod["status"]["phase"] == "Failed"]
        assert [pod["status"]["reason"] for pod in evicted] == ["Evicted"]
        found = server.get(JOBS, "a")
        assert found is not None
        assert "failed" not in found["status"]

    simulate(scenario)


def test_a_pod_without_its_image_stays_pending() -> None:
    async def scenario(server: ApiServer) -> None:
        server.create(JOBS, job("a", {"outcome": "image-error"}), "default")
        await server.clock.sleep(60.0)
        status = pods(server)[0]["status"]
        waiting = status["containerStatuses"][0]["state"]["waiting"]
        assert (status["phase"], waiting["reason"]) == ("Pending", "ImagePullBackOff")

    simulate(scenario)


def test_a_deleted_pod_stays_until_its_job_has_counted_it() -> None:
    async def scenario(server: ApiServer) -> None:
        server.script = lambda pod: Outcome(never=True)
        server.create(JOBS, job("a", backoffLimit=0), "default")
        await server.clock.sleep(5.0)
        (pod,) = pods(server)
        await send(server.transport(), "DELETE", f"{PODS_PATH}/{pod['metadata']['name']}")
        await server.clock.sleep(0.5)
        assert pods(server)[0]["status"]["phase"] == "Failed"
        await server.clock.sleep(5.0)
        assert pods(server) == []
        assert conditions(server, "a")["Failed"] == "BackoffLimitExceeded"

    simulate(scenario)


def test_a_job_deleted_without_a_policy_leaves_its_pods() -> None:
    async def scenario(server: ApiServer) -> None:
        transport = server.transport()
        for name in ("kept", "gone"):
            server.create(JOBS, job(name), "default")
        await server.clock.sleep(3.0)
        background = {"propagationPolicy": "Background"}
        await send(transport, "DELETE", f"{JOBS_PATH}/gone", background)
        await send(transport, "DELETE", f"{JOBS_PATH}/kept")
        await server.clock.sleep(3.0)
        assert server.objects(JOBS) == []
        (left,) = pods(server)
        assert left["metadata"]["name"].startswith("kept-")
        assert "ownerReferences" not in left["metadata"]

    simulate(scenario)


def test_time_to_live_removes_a_finished_job_and_its_pods() -> None:
    async def scenario(server: ApiServer) -> None:
        server.create(JOBS, job("a", ttlSecondsAfterFinished=60), "default")
        await server.clock.sleep(30.0)
        assert len(server.objects(JOBS)) == 1
        await server.clock.sleep(60.0)
        assert server.objects(JOBS) == pods(server) == []

    simulate(scenario)


def test_a_claim_in_use_outlives_its_deletion() -> None:
    async def scenario(server: ApiServer) -> None:
        server.script = lambda pod: Outcome(run_for=30.0)
        server.create(CLAIMS, {"metadata": {"name": "c"}, "spec": {}}, "default")
        body = job("a")
        volume = {"name": "v", "persistentVolumeClaim": {"claimName": "c"}}
        body["spec"]["template"]["spec"]["volumes"] = [volume]
        server.create(JOBS, body, "default")
        await server.clock.sleep(1.0)
        path = "/api/v1/namespaces/default/persistentvolumeclaims/c"
        await send(server.transport(), "DELETE", path)
        await server.clock.sleep(10.0)
        assert len(server.objects(CLAIMS)) == 1
        await server.clock.sleep(30.0)
        assert server.objects(CLAIMS) == []

    simulate(scenario)


def test_a_deleted_namespace_takes_its_content_along() -> None:
    async def scenario(server: ApiServer) -> None:
        server.create(NAMESPACES, {"metadata": {"name": "n"}})
        server.create(CONFIGMAPS, configmap("a"), "n")
        server.create(JOBS, job("a"), "n")
        await server.clock.sleep(0.1)
        await send(server.transport(), "DELETE", "/api/v1/namespaces/n")
        await server.clock.sleep(10.0)
        assert server.get(NAMESPACES, "n") is None
        assert server.objects(CONFIGMAPS, "n") == server.objects(PODS, "n") == []

    simulate(scenario)


def test_without_controllers_nothing_happens_by_itself() -> None:
    async def scenario(server: ApiServer) -> None:
        server.create(JOBS, job("a"), "default")
        await server.clock.sleep(60.0)
        assert pods(server) == []

    simulate(scenario, controllers=False)
