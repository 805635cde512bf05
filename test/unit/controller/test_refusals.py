"""The API server says no: for now, for ever, or because the name is taken."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable

import msgspec
import pytest

from cluster_suite.flows import chain, fan, flow, job, retry, runs, sim, step
from jobflows.cluster.transport import Request, Response, TransportError
from model import Fault, Rules
from unit.controller.stage import JOBS, Object, Stage, play

SLOW = ["example.com/slow"]


class Refusing:
    """Refuses the creation of Jobs while `when` holds; counts how often."""

    def __init__(self, when: Callable[[str], bool], code: int, message: str) -> None:
        self.when = when
        self.code = code
        self.message = message
        self.times = 0

    def __call__(self, request: Request) -> Response | None:
        if (request.method, request.path) != ("POST", JOBS) or request.body is None:
            return None
        name = msgspec.json.decode(request.body)["metadata"]["name"]
        if not self.when(name):
            return None
        self.times += 1
        status = {"kind": "Status", "code": self.code, "message": self.message}
        return Response(self.code, msgspec.json.encode(status))


def quota(stage: Stage, limit: int) -> Refusing:
    """A ResourceQuota on Jobs that are not finished."""

    def used_up(_: str) -> bool:
        jobs = [stage.job(name) for name in stage.jobs()]
        return sum(bool(j) and not (j or {})["status"].get("completionTime") for j in jobs) >= limit

    words = 'jobs.batch "x" is forbidden: exceeded quota: small, requested: count/jobs.batch=1'
    return Refusing(used_up, 403, words)


def test_a_flow_waits_while_the_quota_is_used_up_and_says_so() -> None:
    async def scenario(stage: Stage) -> None:
        full = True
        stage.gate = refusing = Refusing(lambda _: full, 403, "exceeded quota: none left")
        await stage.apply(chain("f", 2))
        await stage.until(lambda: "exceeded quota" in str(stage.step("f", "s0").get("message")))
        assert stage.step("f", "s0")["phase"] == "Pending"
        await asyncio.sleep(600)
        assert 20 < refusing.times < 50  # not thousands
        full = False
        await stage.ended("f", seconds=40)
        assert stage.phase("f") == "Succeeded"
        stage.once_each("f", "s0", "s1")

    play(scenario)


def test_a_wide_flow_under_a_quota_goes_on_as_the_quota_allows() -> None:
    async def scenario(stage: Stage) -> None:
        made = fan("f", 60)
        for each in made["spec"]["steps"]:
            each["template"] = step("x", pod=runs("5s"))["template"]
        stage.gate = refusing = quota(stage, 10)
        await stage.apply(made)
        await stage.ended("f", seconds=400)
        assert stage.phase("f") == "Succeeded"
        stage.once_each("f", *(each["name"] for each in made["spec"]["steps"]))
        assert refusing.times < 10 * 60

    play(scenario)


def test_a_step_that_a_policy_forbids_does_not_hold_up_the_others() -> None:
    async def scenario(stage: Stage) -> None:
        stage.gate = Refusing(lambda name: name == "f-bad-1", 403, "denied by policy")
        steps = chain("f", 6)["spec"]["steps"]
        await stage.apply(flow("f", step("bad"), *steps))
        await stage.until(lambda: stage.step("f", "s5").get("phase") == "Succeeded", seconds=5)
        assert stage.phase("f") == "Running"
        assert stage.step("f", "bad")["message"] == "denied by policy"

    play(scenario)


def test_an_edit_gives_a_forbidden_step_another_chance_at_once() -> None:
    async def scenario(stage: Stage) -> None:
        bad = True
        stage.gate = Refusing(lambda _: bad, 403, "denied by policy")
        await stage.apply(flow("f", step("a")))
        await asyncio.sleep(300)
        bad = False
        await stage.edit("f", steps=[step("a", pod=runs("100ms"))])
        await stage.ended("f", seconds=2)

    play(scenario)


@pytest.mark.parametrize("code", [400, 413, 422])
def test_a_job_that_the_api_server_will_never_take_fails_its_step(code: int) -> None:
    async def scenario(stage: Stage) -> None:
        stage.gate = refusing = Refusing(lambda name: name == "f-a-1", code, "spec.x: wrong")
        policy = {"limit": 5}
        await stage.apply(flow("f", step("a", retryPolicy=policy), step("b", "a"), step("c")))
        await stage.ended("f", seconds=5)
        assert stage.phases("f") == {"a": "Failed", "b": "Skipped", "c": "Succeeded"}
        assert stage.step("f", "a")["reason"] == "JobRejected"
        assert stage.step("f", "a")["message"] == "spec.x: wrong"
        assert refusing.times == 1

    play(scenario)


@pytest.mark.parametrize("code", [401, 405, 500])
def test_trouble_of_no_known_kind_is_tried_again_ever_more_slowly(code: int) -> None:
    async def scenario(stage: Stage) -> None:
        broken = True
        stage.gate = refusing = Refusing(lambda _: broken, code, "oops")
        await stage.apply(flow("f", step("a")))
        await asyncio.sleep(600)
        assert 20 < refusing.times < 300
        broken = False
        await stage.ended("f", seconds=60)
        assert stage.phase("f") == "Succeeded"

    play(scenario)


def a_job(name: str, **metadata: object) -> Object:
    body = job(pod=sim("never"))
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name, **metadata}, **body}


def owner(name: str, uid: str) -> Object:
    return {
        "apiVersion": "workflow.kube-zen.io/v1alpha1",
        "kind": "JobFlow",
        "name": name,
        "uid": uid,
        "controller": True,
    }


def test_a_job_of_somebody_else_is_left_alone() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.call("POST", JOBS, a_job("f-a-1"))
        before = stage.job("f-a-1")
        await stage.apply(flow("f", step("a")))
        await stage.ended("f")
        assert stage.step("f", "a")["reason"] == "JobRejected"
        assert re.search("belongs to nobody; rename", stage.step("f", "a")["message"])
        await asyncio.sleep(5)
        after = stage.job("f-a-1")
        assert before is not None
        assert after is not None
        assert after["metadata"]["uid"] == before["metadata"]["uid"]
        assert after["spec"] == before["spec"]

    play(scenario)


def test_a_job_of_an_earlier_flow_of_that_name_is_waited_for() -> None:
    async def scenario(stage: Stage) -> None:
        gone = owner("f", "11111111-1111-4111-8111-111111111111")
        await stage.call("POST", JOBS, a_job("f-a-1", ownerReferences=[gone], finalizers=SLOW))
        await stage.apply(flow("f", step("a"), step("b")))
        await stage.until(lambda: stage.phases("f") == {"a": "Pending", "b": "Succeeded"})
        assert "earlier flow" in stage.step("f", "a")["message"]
        await asyncio.sleep(120)
        assert stage.phase("f") == "Running"
        assert stage.calls("create", "jobs") < 20
        await stage.call("PATCH", f"{JOBS}/f-a-1", {"metadata": {"finalizers": None}})
        await stage.ended("f", seconds=40)
        assert stage.phase("f") == "Succeeded"

    play(scenario)


A_B, A = flow("a-b", step("c", pod=runs("5s"))), flow("a", step("b-c", pod=runs("5s")))
SPARE = re.compile(r"a-b-c-1-[0-9a-f]{20}")


def test_two_flows_whose_steps_come_to_one_name_both_run() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(A_B, A)
        await stage.ended("a-b", "a")
        assert {stage.phase("a-b"), stage.phase("a")} == {"Succeeded"}
        plain, spare = sorted(stage.jobs())
        assert plain == "a-b-c-1"
        assert SPARE.fullmatch(spare)
        stage.once_each("a-b", "c")
        stage.once_each("a", "b-c")
        refs = {stage.step("a-b", "c")["jobRef"]["name"], stage.step("a", "b-c")["jobRef"]["name"]}
        assert refs == {plain, spare}

    for seed in range(3):
        play(scenario, seed=seed)


def test_a_spare_name_is_found_again_after_a_crash() -> None:
    async def scenario(stage: Stage) -> None:
        def gate(request: Request) -> Response | None:
            line = stage.life.line
            if request.path == JOBS and SPARE.search(str(request.body)):
                line.last_words = (line.calls, "after")
            return None

        await stage.apply(A_B)
        await stage.until(lambda: stage.job("a-b-c-1") is not None)
        stage.gate = gate
        await stage.apply(A)
        await stage.life.line.died.wait()
        stage.gate = lambda request: None
        await stage.restart()
        await stage.ended("a-b", "a")
        assert {stage.phase("a-b"), stage.phase("a")} == {"Succeeded"}
        stage.once_each("a-b", "c")
        stage.once_each("a", "b-c")

    play(scenario)


def test_an_attempt_keeps_its_spare_name_while_nobody_knows_what_became_of_it() -> None:
    """Else it would be made twice, if the other flow goes away in the meantime."""

    async def scenario(stage: Stage) -> None:
        lost = 0

        def gate(request: Request) -> Response | None:
            nonlocal lost
            if request.path == JOBS and SPARE.search(str(request.body)) and lost < 5:
                lost += 1
                raise TransportError("no answer")
            return None

        await stage.apply(A_B)
        await stage.ended("a-b")
        stage.gate = gate
        await stage.apply(A)
        await stage.until(lambda: lost == 5)
        await stage.delete("a-b")
        await stage.until(lambda: "a-b-c-1" not in stage.jobs())
        await stage.ended("a")
        assert SPARE.fullmatch(stage.step("a", "b-c")["jobRef"]["name"])
        stage.once_each("a", "b-c")

    play(scenario)


def test_a_copy_of_a_job_with_all_its_labels_is_nobodys_attempt() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(flow("f", step("a", pod=runs("10s"))))
        await stage.until(lambda: stage.job("f-a-1") is not None)
        made = stage.job("f-a-1")
        assert made is not None
        marks = dict(made["metadata"]["labels"]) | {"workflow.kube-zen.io/attempt": "2"}
        await stage.call("POST", JOBS, a_job("copy", labels=marks))
        await stage.ended("f")
        await asyncio.sleep(5)
        assert stage.phase("f") == "Succeeded"
        assert stage.step("f", "a")["attempt"] == 1
        assert stage.job("copy") is not None

    play(scenario)


def sized(memory: str) -> Object:
    """A flow whose second step asks for as much memory as its first one has found out."""
    main = {"resources": {"requests": {"memory": "{{ parameters.memory }}"}}}
    value = {"name": "memory", "valueFrom": {"jsonPath": "size:$.outputs.memory"}}
    output = {"name": "memory", "valueFrom": {"jsonPath": "$.memory"}}
    finds = sim(run_for="5s", message=json.dumps({"memory": memory}))
    work = step("work", "size", inputs={"parameters": [value]}, retryPolicy=retry(3))
    work["template"] = job(container=main)
    return flow("f", step("size", pod=finds, outputs={"parameters": [output]}), work)


def test_scenario_16_a_step_asks_for_the_memory_that_an_earlier_one_has_found_out() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(sized("300Mi"))
        await asyncio.sleep(4)
        assert stage.jobs() == ["f-size-1"]
        await stage.ended("f")
        assert stage.phase("f") == "Succeeded"
        made = stage.job("f-work-1")
        assert made is not None
        (main,) = made["spec"]["template"]["spec"]["containers"]
        assert main["resources"]["requests"] == {"memory": "300Mi"}

    play(scenario)


def test_scenario_16_what_is_no_amount_fails_the_step_at_once_and_says_why() -> None:
    words = "Job in version v1 cannot be handled as a Job: quantities must match '^([+-]?[0-9.]+)'"

    async def scenario(stage: Stage) -> None:
        stage.gate = refusing = Refusing(lambda name: name == "f-work-1", 400, words)
        await stage.apply(sized("lots"))
        await stage.ended("f", seconds=30)
        work = stage.step("f", "work")
        assert (work["phase"], work["reason"]) == ("Failed", "JobRejected")
        assert "quantities must match" in work["message"]
        assert refusing.times == 1

    play(scenario)


def test_a_deletion_that_conflicts_is_tried_again() -> None:
    """Nothing else is to happen to a flow whose time to live is over, and would have it seen."""

    async def scenario(stage: Stage) -> None:
        stage.server.faults = Rules().on(
            Fault(status=409), verb="delete", resource="jobflows", nth=[1]
        )
        await stage.apply(flow("f", step("a"), executionPolicy={"ttlSecondsAfterFinished": 10}))
        await stage.ended("f")
        await stage.until(lambda: stage.flow("f") is None, seconds=60)

    play(scenario)
