"""What zen-flow does wrong where an API server is needed to show it, one test each.

The letters are those of the list in the engine's tests of the same name.
"""

from __future__ import annotations

import asyncio

from cluster_suite.flows import chain, fails_until, fan, flow, manual, retry, runs, sim, step
from model import Fault, Outcome, Rules
from unit.controller.stage import Stage, play


def test_b_c_a_retry_runs_a_job_of_its_own_after_a_real_wait() -> None:
    async def scenario(stage: Stage) -> None:
        again = {"retryPolicy": retry(3, "500ms")}
        await stage.apply(flow("f", step("a", pod=fails_until(3), **again)))
        await stage.ended("f")
        assert stage.phase("f") == "Succeeded"
        assert [name for name, _ in stage.starts] == ["f-a-1", "f-a-2", "f-a-3"]

    play(scenario)


def test_e_f_h_a_finished_flow_is_not_written_again_and_its_deadline_is_over() -> None:
    async def scenario(stage: Stage) -> None:
        await stage.apply(chain("f", 2, executionPolicy={"activeDeadlineSeconds": 60}))
        await stage.ended("f")
        ended = dict(stage.status("f"))
        await asyncio.sleep(3600)
        await stage.restart()
        await asyncio.sleep(3600)
        assert stage.status("f") == ended

    play(scenario)


def test_g_a_job_of_five_pods_is_not_done_with_the_first() -> None:
    async def scenario(stage: Stage) -> None:
        five = step("a", pod=runs("10s"))
        five["template"]["spec"] |= {"completions": 5, "parallelism": 1}
        await stage.apply(flow("f", five, step("b", "a")))
        await asyncio.sleep(30)
        assert stage.phases("f") == {"a": "Running", "b": "Pending"}
        await stage.ended("f")
        assert dict(stage.starts)["f-b-1"] - dict(stage.starts)["f-a-1"] > 50

    play(scenario)


def test_g_a_job_that_retries_by_itself_has_not_failed_with_its_first_pod() -> None:
    async def scenario(stage: Stage) -> None:
        ends = iter([Outcome(exit_code=1), Outcome(exit_code=1)])
        stage.server.script = lambda pod: next(ends, Outcome(run_for=1))
        patient = step("a")
        patient["template"]["spec"]["backoffLimit"] = 4
        await stage.apply(flow("f", patient, step("b", "a")))
        await asyncio.sleep(9)
        assert stage.phases("f") == {"a": "Running", "b": "Pending"}
        await stage.ended("f")
        assert stage.phase("f") == "Succeeded"
        assert stage.jobs_made["f", "a", 1] == 1
        assert stage.pods_run["f", "a", 1] == 3

    play(scenario)


def test_j_a_job_deleted_after_its_success_changes_nothing() -> None:
    async def scenario(stage: Stage) -> None:
        brief = step("a")
        brief["template"]["spec"]["ttlSecondsAfterFinished"] = 0
        await stage.apply(flow("f", brief, step("b", "a", pod=runs("30s"))))
        await stage.until(lambda: stage.ends.get("f-a-1") is not None)
        await stage.ended("f")
        await asyncio.sleep(60)
        assert stage.phases("f") == {"a": "Succeeded", "b": "Succeeded"}
        stage.once_each("f", "a", "b")

    play(scenario)


def test_k_a_status_lost_after_the_creation_of_a_job_adopts_that_job() -> None:
    async def scenario(stage: Stage) -> None:
        stage.server.faults = Rules().on(
            Fault(lost="before"), client="operator", verb="patch", resource="jobflows/status"
        )
        await stage.apply(flow("f", step("a", pod=runs("20s")), step("b", "a")))
        await stage.until(lambda: len(stage.starts) == 1)
        await asyncio.sleep(5)
        assert not stage.status("f")
        await stage.crash()
        stage.server.faults = Rules()
        stage.start()
        await stage.ended("f")
        assert stage.phase("f") == "Succeeded"
        stage.once_each("f", "a", "b")

    play(scenario)


def test_k_an_unanswered_creation_is_not_a_second_job() -> None:
    async def scenario(stage: Stage) -> None:
        stage.server.faults = Rules().on(
            Fault(lost="after"), client="operator", verb="create", resource="jobs", nth=[1, 3, 5]
        )
        await stage.apply(chain("f", 3))
        await stage.ended("f")
        assert stage.phase("f") == "Succeeded"
        stage.once_each("f", "s0", "s1", "s2")

    play(scenario)


def test_l_a_job_that_no_watch_has_shown_yet_is_not_missing() -> None:
    async def scenario(stage: Stage) -> None:
        stage.server.watch_lag = 10.0
        await stage.apply(flow("f", step("a", pod=runs("30s")), step("b", "a")))
        await stage.ended("f")
        assert stage.phase("f") == "Succeeded"
        stage.once_each("f", "a", "b")
        assert "lostCount" not in stage.step("f", "a")

    for seed in range(5):
        play(scenario, seed=seed)


def test_m_nothing_of_a_failed_flow_starts_or_runs_on() -> None:
    async def scenario(stage: Stage) -> None:
        steps = (
            step("bad", pod=sim("fail"), retryPolicy=retry(9, "100ms")),
            step("long", pod=sim("never")),
            step("next", "long"),
        )
        await stage.apply(flow("f", *steps, executionPolicy={"backoffLimit": 2}))
        await stage.ended("f")
        assert stage.status("f")["reason"] == "BackoffLimitExceeded"
        await stage.until(lambda: stage.job("f-long-1") is None, seconds=10)
        made = len(stage.starts)
        await asyncio.sleep(600)
        assert len(stage.starts) == made
        assert not [p for p in stage.pods() if p["status"]["phase"] in ("Pending", "Running")]

    play(scenario)


def test_n_a_suspended_flow_suspends_all_branches() -> None:
    async def scenario(stage: Stage) -> None:
        branches = [step(f"{b}{i}", *([f"{b}{i - 1}"] if i else []), pod=runs("10s"))
                    for b in "xyz" for i in range(3)]  # fmt: skip
        await stage.apply(flow("f", manual("ask"), *branches))
        await stage.until(lambda: len(stage.starts) == 3)
        await stage.edit("f", suspend=True)
        await stage.annotate("f", ask="true")
        await asyncio.sleep(120)
        assert len(stage.starts) == 3
        await stage.edit("f", suspend=False)
        await stage.ended("f")
        assert stage.phase("f") == "Succeeded"

    play(scenario)


def test_o_tasks_do_not_grow_with_the_number_of_steps() -> None:
    async def scenario(stage: Stage) -> None:
        await asyncio.sleep(5)
        before = len(asyncio.all_tasks())
        await stage.apply(fan("f", 300))
        await stage.until(lambda: len(stage.starts) == 301)
        await stage.ended("f")
        await asyncio.sleep(5)
        assert len(asyncio.all_tasks()) <= before + 1

    play(scenario)


def test_a_job_whose_deletion_is_refused_is_stopped_in_the_end() -> None:
    async def scenario(stage: Stage) -> None:
        stage.server.faults = Rules().on(
            Fault(status=500), client="operator", verb="delete", resource="jobs", nth=range(1, 40)
        )
        limit = {"activeDeadlineSeconds": 10}
        await stage.apply(flow("f", step("a", pod=sim("never")), executionPolicy=limit))
        await stage.ended("f", seconds=15)
        await stage.until(lambda: stage.job("f-a-1") is None, seconds=400)
        await asyncio.sleep(5)
        before = len(stage.server.requests)
        await asyncio.sleep(30)
        assert len(stage.server.requests) - before < 5

    play(scenario)
