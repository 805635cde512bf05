"""What a person sees of a flow that runs on one machine."""

import json
import time
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import pytest

from jobflows.engine import FlowPhase, Grown, Reason, Spent, StepPhase
from unit.local.local_runs import alive, container, run_flow, step


def test_steps_without_a_path_between_them_overlap(tmp_path: Path) -> None:
    script = "date +%s.%N; sleep 0.2; date +%s.%N"
    ran = run_flow(tmp_path, step("a", script), step("b", script), parallelism=2)
    (a_start, a_end), (b_start, b_end) = (map(float, ran.log(n).split()) for n in ("a", "b"))
    assert ran.ledger.phase is FlowPhase.SUCCEEDED
    assert max(a_start, b_start) < min(a_end, b_end)


def test_parallelism_is_a_limit(tmp_path: Path) -> None:
    script = "date +%s.%N; sleep 0.05; date +%s.%N"
    ran = run_flow(tmp_path, *(step(n, script) for n in "abc"), parallelism=1)
    spans = sorted(tuple(map(float, ran.log(n).split())) for n in "abc")
    assert all(first[1] <= second[0] for first, second in pairwise(spans))


def test_a_failed_step_skips_its_descendants_and_says_why(tmp_path: Path) -> None:
    ran = run_flow(
        tmp_path,
        step("bad", "echo the disk is full; exit 3"),
        step("after", dependencies=["bad"]),
        step("beside"),
    )
    assert ran.ledger.phase is FlowPhase.FAILED
    assert ran["bad"].message == "container main exited with code 3: the disk is full"
    assert ran["after"].phase is StepPhase.SKIPPED
    assert ran["beside"].phase is StepPhase.SUCCEEDED


def test_retries_are_new_attempts_with_logs_of_their_own(tmp_path: Path) -> None:
    script = 'echo "try {{ step.attempt }}"; [ {{ step.attempt }} = 2 ]'
    backoff = {"duration": "10ms"}
    ran = run_flow(tmp_path, step("flaky", script, retryPolicy={"limit": 2, "backoff": backoff}))
    assert (ran["flaky"].phase, ran["flaky"].attempt) == (StepPhase.SUCCEEDED, 2)
    assert [ran.log("flaky", n) for n in (1, 2)] == ["try 1\n", "try 2\n"]


def test_a_timeout_ends_the_whole_group(tmp_path: Path) -> None:
    # 61.837 is a mark that no other process has; the shell ignores SIGTERM, its children do not.
    slow = "trap '' TERM; (sleep 61.837 & sleep 61.837); sleep 61.837"
    pod = {"terminationGracePeriodSeconds": 0, "containers": [container(slow)]}
    ran = run_flow(tmp_path, step("slow", pod=pod, timeoutSeconds=1))
    assert ran["slow"].phase is StepPhase.FAILED
    assert ran["slow"].reason == Reason.TIMEOUT
    assert not alive("61.837")


def test_scenario_18_a_timeout_grows(tmp_path: Path) -> None:
    policy = {
        "limit": 2,
        "backoff": {"duration": "10ms"},
        "resources": {"timeout": {"factor": 30}, "memory": {"factor": 2}},
    }
    amounts = {"requests": {"memory": "1Mi"}}
    pod = {
        "terminationGracePeriodSeconds": 0,
        "containers": [container("sleep 1.5") | {"resources": amounts}],
    }
    ran = run_flow(tmp_path, step("slow", pod=pod, timeoutSeconds=1, retryPolicy=policy))
    assert (ran["slow"].phase, ran["slow"].attempt) == (StepPhase.SUCCEEDED, 2)
    assert ran["slow"].spent == Spent(timeouts=1)
    assert ran["slow"].resources == Grown(timeout=30)


def test_a_background_process_ends_with_its_step(tmp_path: Path) -> None:
    began = time.monotonic()
    ran = run_flow(tmp_path, step("leaky", "sleep 62.837 & setsid sleep 62.837 & true"))
    assert ran.ledger.phase is FlowPhase.SUCCEEDED
    assert not alive("62.837"), "also one that left the session of its step"
    assert time.monotonic() - began < 10


def test_outputs_travel_by_the_termination_message(tmp_path: Path) -> None:
    def output(path: str) -> dict[str, object]:
        return {"parameters": [{"name": "rows", "valueFrom": {"jsonPath": path}}]}

    source = {"name": "rows", "valueFrom": {"jsonPath": "one:$.outputs.rows"}}
    ran = run_flow(
        tmp_path,
        step("one", """echo '{"n": 7}' > /dev/termination-log""", outputs=output("$.n")),
        step("two", 'echo \'{"n": 8}\' > "$JOBFLOW_TERMINATION_LOG"', outputs=output("$.n")),
        step("none", "true", outputs=output("$.n")),
        step(
            "reader",
            "echo got {{ parameters.rows }}",
            dependencies=["one"],
            inputs={"parameters": [source]},
        ),
    )
    assert ran["one"].outputs == {"rows": "7"}
    assert ran["two"].outputs == {"rows": "8"}
    assert ran.log("reader") == "got 7\n"
    assert ran["none"].reason == Reason.OUTPUT_INVALID


def test_variables_are_expanded_in_args_and_by_each_other(tmp_path: Path) -> None:
    env = [
        {"name": "WHO", "value": "Ada"},
        {"name": "TEXT", "value": "hello $(WHO) $$(WHO) $(NOBODY)"},
    ]
    main = {
        "name": "main",
        "image": "busybox",
        "command": ["echo"],
        "args": ["$(TEXT)", "$$(WHO)", "{{ parameters.odd }}"],
        "env": env,
    }
    ran = run_flow(
        tmp_path,
        step("say", containers=[main]),
        parameters=[{"name": "odd", "value": "$(WHO) 'quoted' $HOME"}],
    )
    assert ran.log("say") == "hello Ada $(WHO) $(NOBODY) $(WHO) $(WHO) 'quoted' $HOME\n"


def test_init_containers_run_before_and_containers_beside_each_other(tmp_path: Path) -> None:
    mount = {"volumeMounts": [{"name": "scratch", "mountPath": "/scratch"}]}
    pod = {
        "volumes": [{"name": "scratch", "emptyDir": {}}],
        "initContainers": [
            container("echo 1 > /scratch/a", "first", **mount),
            container("cat /scratch/a; echo 2 >> /scratch/a", "second", **mount),
        ],
    }
    waits = "while [ ! -e /scratch/{} ]; do sleep 0.01; done; touch /scratch/{}"
    ran = run_flow(
        tmp_path,
        step(
            "pair",
            pod=pod,
            containers=[
                container("cat /scratch/a; touch /scratch/x; " + waits.format("y", "z"), **mount),
                container(waits.format("x", "y"), "side", **mount),
            ],
        ),
    )
    assert ran.ledger.phase is FlowPhase.SUCCEEDED
    assert ran.log("pair", container="second") == "1\n"
    assert ran.log("pair") == "1\n2\n"


def test_a_failed_init_container_keeps_the_others_from_starting(tmp_path: Path) -> None:
    pod = {"initContainers": [container("exit 4", "prepare")]}
    ran = run_flow(tmp_path, step("a", "echo never", pod=pod))
    assert ran["a"].message == "container prepare exited with code 4"
    assert not (tmp_path / "a" / "1" / "main.log").exists()


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["no-such-program-here"], "code 127: jobflow: command not found on this machine: no-such"),
        (["/"], "code 126"),
        (["sh", "-c", "kill -KILL $$$$"], "code 137 (SIGKILL)"),
        (["sh", "-c", "exit 42"], "code 42"),
    ],
)
def test_exit_codes(tmp_path: Path, command: list[str], words: str) -> None:
    main = {"name": "main", "image": "busybox", "command": command}
    ran = run_flow(tmp_path, step("a", containers=[main]))
    assert words in ran["a"].message


def test_exit_codes_of_containers_reach_the_failure_policy(tmp_path: Path) -> None:
    match = {"containerName": "side", "operator": "In", "values": [9]}
    ran = run_flow(
        tmp_path,
        step("a", containers=[container("true"), container("exit 9", "side")]),
        executionPolicy={
            "podFailurePolicy": {"rules": [{"action": "Ignore", "onExitCodes": match}]}
        },
    )
    assert ran["a"].reason == Reason.FAILURE_IGNORED


def test_an_indexed_job_runs_each_index(tmp_path: Path) -> None:
    job = {"completions": 3, "parallelism": 2, "completionMode": "Indexed"}
    ran = run_flow(tmp_path, step("many", 'echo "index $JOB_COMPLETION_INDEX"', job=job))
    logs = [ran.log("many", index=str(index)) for index in range(3)]
    assert logs == ["index 0\n", "index 1\n", "index 2\n"]


def test_a_failed_index_fails_the_job_and_stops_the_others(tmp_path: Path) -> None:
    job = {"completions": 2, "parallelism": 2, "completionMode": "Indexed"}
    script = '[ "$JOB_COMPLETION_INDEX" = 0 ] && exit 5; exec sleep 63.837'
    ran = run_flow(tmp_path, step("many", script, job=job))
    assert ran["many"].message == "container main exited with code 5"
    assert not alive("63.837")


def test_the_backoff_limit_of_a_job_tries_its_pod_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobflows.local.job.LONGEST_WAIT", 0.01)
    script = f"echo x >> {tmp_path}/tries; [ $(wc -l < {tmp_path}/tries) = 3 ]"
    ran = run_flow(tmp_path, step("a", script, job={"backoffLimit": 2}))
    assert (ran["a"].phase, ran["a"].attempt) == (StepPhase.SUCCEEDED, 1)


def test_the_deadline_of_the_flow_stops_what_runs(tmp_path: Path) -> None:
    ran = run_flow(
        tmp_path,
        step("slow", "exec sleep 64.837"),
        step("after", dependencies=["slow"]),
        executionPolicy={"activeDeadlineSeconds": 1},
    )
    assert ran.ledger.reason == Reason.FLOW_DEADLINE
    assert not alive("64.837")


def test_the_journal_holds_the_last_status(tmp_path: Path) -> None:
    run_flow(tmp_path, step("a"), step("b", "exit 1"))
    status = json.loads((tmp_path / "status.json").read_text())
    assert status["phase"] == "Failed"
    assert {s["name"]: s["phase"] for s in status["steps"]} == {"a": "Succeeded", "b": "Failed"}


def test_a_person_decides_about_manual_steps(tmp_path: Path) -> None:
    ran = run_flow(
        tmp_path,
        {"name": "yes", "type": "Manual"},
        {"name": "no", "type": "Manual"},
        step("go", dependencies=["yes"]),
        step("stay", dependencies=["no"]),
        approve=lambda name: name == "yes",
    )
    assert ran["go"].phase is StepPhase.SUCCEEDED
    assert ran["no"].reason == Reason.APPROVAL_DENIED
    assert ran["stay"].phase is StepPhase.SKIPPED


def test_every_step_of_a_wide_flow_runs_once(tmp_path: Path) -> None:
    main = {"name": "main", "image": "busybox", "command": ["true"]}
    layers = [[f"s{layer}-{i}" for i in range(20)] for layer in range(5)]
    steps = [
        step(name, containers=[main], dependencies=layers[n - 1][:3] if n else [])
        for n, layer in enumerate(layers)
        for name in layer
    ]
    ran = run_flow(tmp_path, *steps)
    assert ran.ledger.phase is FlowPhase.SUCCEEDED
    assert all(record.attempt == 1 for record in ran.ledger.steps)


def test_each_task_of_an_array_is_a_process(tmp_path: Path) -> None:
    array = {"items": ["x", "y", "z"], "parallelism": 2}
    one = step("a", "echo {{ task.item }}{{ task.index }}", array=array)
    ran = run_flow(tmp_path, one, step("b", dependencies=["a"]), parallelism=4)
    assert ran.ledger.phase is FlowPhase.SUCCEEDED
    assert sorted(ran.log("a", n) for n in (1, 2, 3)) == ["x0\n", "y1\n", "z2\n"]


def test_only_the_failed_tasks_of_an_array_are_tried_again(tmp_path: Path) -> None:
    script = (
        "echo {{ task.index }} >> ran; [ {{ task.index }} != 1 ] || [ {{ step.attempt }} -gt 3 ]"
    )
    backoff = {"duration": "10ms"}
    tries = step(
        "a",
        f"cd {tmp_path}; {script}",
        array={"count": 3},
        retryPolicy={"limit": 1, "backoff": backoff},
    )
    ran = run_flow(tmp_path, tries, parallelism=1)
    assert ran.ledger.phase is FlowPhase.SUCCEEDED
    assert sorted((tmp_path / "ran").read_text().split()) == ["0", "1", "1", "2"]


def most_at_once(log: Path) -> int:
    """The most steps that were between their `+` and their `-` in a file."""
    return max(accumulate(1 if sign == "+" else -1 for sign in log.read_text().split()))


def test_limits_of_the_flow_and_of_a_lock_are_kept(tmp_path: Path) -> None:
    def works(name: str, log: str, **fields: Any) -> dict[str, Any]:
        return step(name, f"echo + >> {log}; sleep 0.05; echo - >> {log}", **fields)

    flow_log, lock_log = f"{tmp_path}/flow.log", f"{tmp_path}/lock.log"
    three = [works(f"a{i}", flow_log) for i in range(9)]
    assert (
        run_flow(
            tmp_path / "a", *three, parallelism=8, executionPolicy={"parallelism": 3}
        ).ledger.phase
        is FlowPhase.SUCCEEDED
    )
    assert most_at_once(Path(flow_log)) <= 3
    locked = [works(f"b{i}", lock_log, locks=[{"name": "db"}]) for i in range(6)]
    ran = run_flow(tmp_path / "b", *locked, parallelism=8)
    assert ran.ledger.phase is FlowPhase.SUCCEEDED
    assert most_at_once(Path(lock_log)) == 1
