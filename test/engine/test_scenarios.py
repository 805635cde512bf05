"""Twenty-five scenarios that any workflow engine has to pass, each a test by name.

They are what the tests of Jobmon, an engine for clusters without Kubernetes, hold it to, in the
words of Kubernetes. `pytest -k scenario_13` runs one wherever its tests live: most stand beside
what they are about, in `engine/` and `unit/controller/` on virtual time, in `unit/api/` and
`unit/manifests/` where nothing runs, and in `e2e/` on real pods. Those that have no better place
are here. `TITLES` lists all of them, and the first test below finds one that nobody tests.

What a user of Jobmon sees of all of them is in `unit/sdk/test_jobmon_scenarios.py`, 12 and most of
22 only there: resources from a file beside the program, which tasks are the same, and which
arguments make a new workflow, is for a client that writes flows. To the engine a step is its name,
a flow its UID. Of 25, clusters of equal errors and recommended requests are for an archive of runs.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from engine.array_world import ArrayWorld, End
from engine.flows import flow, step
from engine.outcomes import fail, hang, succeed
from engine.world import World
from jobflows.api.validation import check
from jobflows.engine import FlowPhase, Observations, Reason, StepPhase, explain

TITLES = {
    1: "one task",
    2: "linear",
    3: "fork and join, index by index",
    4: "a fatal branch",
    5: "a branch that is tried again",
    6: "a bushy graph",
    7: "duplicates",
    8: "cycles and dangling dependencies",
    9: "an empty workflow",
    10: "expansion of an array",
    11: "defaults that come down",
    12: "resources from a file",
    13: "memory that grows",
    14: "forms of growth",
    15: "fallbacks",
    16: "resources found out by an earlier step",
    17: "fail fast",
    18: "timeouts, and a resume after one",
    19: "limits of concurrency",
    20: "resume after a fix",
    21: "cold and hot resume",
    22: "identity, and what may not be resumed",
    23: "lost workers, lost operators",
    24: "a status set by hand",
    25: "what can be observed",
}

ON_REAL_PODS = {3, 4, 5, 10, 13, 14, 15, 18, 20, 21, 22, 23, 24}
"""Those about memory, deadlines, arrays, resume and lost pods, which a simulated pod only plays."""

TESTS = Path(__file__).parents[1]


def _tested(*folders: str) -> set[int]:
    """The numbers of the scenarios that have a test in these folders."""
    files = [path for folder in folders for path in (TESTS / folder).rglob("test_*.py")]
    names = [name for path in files for name in re.findall(r"def (test_\w+)", path.read_text())]
    return {int(found[1]) for n in names if (found := re.match(r"test_scenario_(\d\d)_", n))}


def test_each_scenario_is_a_test_by_name() -> None:
    assert _tested("engine", "unit") == TITLES.keys()
    assert _tested("e2e") >= ON_REAL_PODS


def problems(*steps: dict[str, Any], **spec: Any) -> list[str]:
    """What the validator says of a flow."""
    document = {
        "apiVersion": "workflow.kube-zen.io/v1alpha1",
        "kind": "JobFlow",
        "metadata": {"name": "flow", "namespace": "ns"},
        "spec": {"steps": list(steps), **spec},
    }
    return [str(problem) for problem in check(document).problems]


def test_scenario_01_one_task() -> None:
    world = World(flow(step("a"))).finish()

    assert world.status["phase"] == "Succeeded"
    progress = world.status["progress"]
    assert (progress["successfulSteps"], progress["failedSteps"]) == (1, 0)
    assert [(name, number) for name, number, _ in world.starts] == [("a", 1)]


def test_scenario_06_no_step_of_a_bushy_graph_begins_before_all_it_needs_are_done() -> None:
    middle = [step(f"b{i}", "a") for i in range(3)] + [step(f"c{i}", f"a b{i}") for i in range(3)]
    bushy = flow(step("d", "b0 b1 b2 c0 c1 c2"), *middle, step("a"))
    lasts = {"b0": 3.0, "b1": 1.0, "b2": 2.0, "c0": 1.0, "c1": 5.0, "c2": 2.0}
    world = World(bushy, **{name: succeed(after) for name, after in lasts.items()}).finish()

    assert world.ledger.phase is FlowPhase.SUCCEEDED
    begins = {name: world.started_at(name) for name in bushy.graph.names}
    assert begins == {
        "a": [0],
        "b0": [1],
        "b1": [1],
        "b2": [1],
        "c0": [4],
        "c1": [2],
        "c2": [3],
        "d": [7],
    }


def test_scenario_07_two_steps_of_one_name_are_refused() -> None:
    (said,) = problems(step("a"), step("a", timeout=5))
    assert "spec.steps[1].name" in said
    assert "'a'" in said


def test_scenario_08_a_cycle_is_refused_and_named() -> None:
    (said,) = problems(step("a", "c"), step("b", "a"), step("c", "b"))
    assert "a -> c -> b -> a" in said


def test_scenario_08_a_dependency_that_is_no_step_is_refused_and_named() -> None:
    (said,) = problems(step("a"), step("b", "nowhere"))
    assert "spec.steps[1].dependencies[0]" in said
    assert "nowhere" in said


def test_scenario_09_a_flow_without_steps_is_refused() -> None:
    (said,) = problems()
    assert "spec.steps: must not be empty" in said


def test_scenario_10_an_array_expands_to_the_product_of_its_values() -> None:
    matrix = {"x": [1, 2, 3], "y": ["a", "b"]}
    made = flow(step("a", array={"matrix": matrix}))
    world = ArrayWorld(made).run()

    assert str(world.tasks("a").succeeded) == "0-5"
    values = made.steps[0].values
    assert values is not None
    got = {(task["x"], task["y"]) for task in (values[i] for i in range(6))}
    assert got == {(str(x), y) for x in (1, 2, 3) for y in "ab"}


def test_scenario_10_a_value_that_no_task_has_is_refused() -> None:
    asks = step("a", array={"matrix": {"x": [1]}})
    asks["template"]["spec"]["template"]["spec"]["containers"][0]["command"] = ["{{ task.z }}"]
    (said,) = problems(asks)
    assert "tasks have no 'z'" in said


def test_scenario_18_a_flow_that_ran_out_of_time_completes_by_a_resume() -> None:
    """Unlike Jobmon, a deadline stops what runs; `resume` starts that again and keeps the rest."""
    world = World(flow(step("a"), step("b", "a"), activeDeadlineSeconds=4), b=succeed(10)).finish()
    assert (world.status["phase"], world.status["reason"]) == ("Failed", "ActiveDeadlineExceeded")
    assert "longer than 4 s" in world.status["message"]
    world.edit(flow(step("a"), step("b", "a"), activeDeadlineSeconds=20))
    world.ask(id="1")
    world.finish()

    assert world.ledger.phase is FlowPhase.SUCCEEDED
    assert (len(world.started_at("a")), len(world.started_at("b"))) == (1, 2)


def test_scenario_18_a_step_that_timed_out_completes_by_a_resume() -> None:
    world = World(flow(step("a"), step("b", "a", timeout=3)), b=succeed(10)).finish()
    assert world.record("b").reason == Reason.TIMEOUT
    assert "timeoutSeconds 3" in world.record("b").message
    world.edit(flow(step("a"), step("b", "a", timeout=30)))
    world.ask(id="1")
    world.finish()

    assert world.ledger.phase is FlowPhase.SUCCEEDED
    assert (len(world.started_at("a")), len(world.started_at("b"))) == (1, 2)


def test_scenario_25_the_status_counts_steps_and_tasks_and_keeps_each_error() -> None:
    def script(_step: str, task: int, ran: int) -> tuple[End, float]:
        if task == 1:
            return "fail", 1.0
        return ("oom", 1.0) if task == 2 and ran == 0 else ("ok", 1.0 if task < 4 else 50.0)

    one = step("a", array={"count": 6}, retries=1)
    world = ArrayWorld(flow(one, step("b", "a")), script).run(10)
    record = world.status["steps"][0]  # type: ignore[index]
    assert record["tasks"] == {
        "total": 6,
        "summary": "4/6",
        "succeeded": "0,2-3",
        "failed": "1",
        "running": [{"attempt": 1, "tasks": "4-5"}],
    }
    assert record["message"] == "task 1: fail (after 1 retries)"

    steps = World(flow(step("a", retries=2), step("b", "a")), a=[fail(3), fail(4), hang()]).run(10)
    assert steps.status["progress"]["summary"] == "0/2"
    told = steps.status["steps"][0]["failures"]
    assert [(each["attempt"], each["cause"], each["exitCode"]) for each in told] == [
        (1, "Application", 3),
        (2, "Application", 4),
    ]
    said = explain(steps.flow, steps.ledger, steps.now, Observations())
    assert (said[1].phase, said[1].blocked_by) == (StepPhase.PENDING, ("a",))


def test_scenario_25_a_long_message_in_any_language_keeps_its_beginning() -> None:
    loud = fail()
    words = "Fehler: größer ✗ 失敗 " * 50_000
    world = World(flow(step("a")), a=type(loud)(end="fail", message=words)).finish()

    message = world.status["steps"][0]["message"]
    assert words.startswith(message.rstrip("…"))
    assert 1000 <= len(message) <= 1024
