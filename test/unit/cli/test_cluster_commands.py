"""Commands that talk to a cluster, as a person and a script see them: output, exit codes, words."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from cluster_suite.flows import flow, manual, step
from jobflows.api.model import CREATED_BY
from jobflows.cli.main import app
from jobflows.manifests import labels
from unit.cli.served import Served

NOW = "2026-01-01T00:00:00Z"


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with Served(tmp_path).running() as server:
        monkeypatch.setenv("KUBECONFIG", str(server.config))
        yield server


def jobflow(*words: str) -> Result:
    """Run the program in this process."""
    return CliRunner(env={"COLUMNS": "200"}).invoke(app, words)


def add(served: Served, made: dict[str, Any], phase: str = "Running", **steps: Any) -> None:
    """A flow with a status: by step a phase, or several fields."""
    names = [each["name"] for each in made["spec"]["steps"]]
    records = []
    for name in names:
        said = steps.get(name, "Pending")
        fields = {"phase": said} if isinstance(said, str) else said
        records.append({"name": name, **fields})
    done = sum(record["phase"] == "Succeeded" for record in records)
    status = {
        "phase": phase,
        "startTime": NOW,
        "steps": records,
        "progress": {"summary": f"{done}/{len(names)}"},
    }
    if phase in ("Succeeded", "Failed"):
        status["completionTime"] = NOW
    served.create("jobflows", made | {"status": status})


def add_job(
    served: Served,
    flow_name: str,
    step_name: str,
    number: int = 1,
    *,
    pods: tuple[Any, ...] = (),
    tasks: str = "",
    status: dict[str, Any] | None = None,
    **spec: Any,
) -> None:
    """The Job of an attempt, with pods by their status; of an array one for each of `tasks`."""
    uid = served.flow(flow_name)["metadata"]["uid"]
    marks = {labels.FLOW_UID: uid, labels.STEP: step_name, labels.ATTEMPT: str(number)}
    name = f"{flow_name}-{step_name}-{number}"
    owner = {"apiVersion": "v1", "kind": "JobFlow", "name": flow_name, "uid": uid}
    main = {"name": "main", "image": "x", "resources": {"requests": {"memory": "1Gi"}}}
    pod = {"restartPolicy": "Never", "containers": [main]}
    job = served.create(
        "jobs",
        {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {
                "name": name,
                "labels": marks,
                "annotations": {labels.TASKS: tasks} if tasks else {},
                "ownerReferences": [owner | {"controller": True}],
            },
            "spec": {"backoffLimit": 0, "template": {"spec": pod}, **spec},
            **({"status": status} if status else {}),
        },
    )
    mine = {"apiVersion": "batch/v1", "kind": "Job", "name": name, "uid": job["metadata"]["uid"]}
    for i, seen in enumerate(pods):
        place = {labels.POSITION: str(i)} if tasks else {labels.MANAGED_BY: labels.MANAGER}
        place["batch.kubernetes.io/job-name"] = name
        meta: dict[str, Any] = {"name": f"{name}-{i}", "labels": marks | place}
        meta["ownerReferences"] = [mine | {"controller": True}]
        body = {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": pod, "status": seen}
        served.create("pods", body)


UNSCHEDULABLE = {
    "phase": "Pending",
    "conditions": [
        {
            "type": "PodScheduled",
            "status": "False",
            "reason": "Unschedulable",
            "message": "0/3 nodes are available: 3 Insufficient memory.",
        }
    ],
}


def test_explain_lists_what_is_not_done_and_why_causes_first(served: Served) -> None:
    made = flow("etl", step("a"), step("report", "load"), step("load", "a"), manual("ok", "a"))
    asks = {"phase": "PendingApproval", "reason": "AwaitingApproval", "message": "Look first"}
    add(served, made, a="Succeeded", load={"phase": "Running", "attempt": 1}, ok=asks)
    add_job(served, "etl", "load", pods=(UNSCHEDULABLE,))
    result = jobflow("explain", "etl")
    assert result.exit_code == 0, result.output
    assert [line.strip().split(maxsplit=3) for line in result.stdout.splitlines()] == [
        ["Running,", "1", "of", "4 steps have succeeded"],
        ["STEP", "PHASE", "REASON", "WHY"],
        [
            *("load", "Running", "Unschedulable"),
            "pod etl-load-1-0 is not scheduled: 0/3 nodes are available: 3 Insufficient memory.",
        ],
        ["ok", "PendingApproval", "AwaitingApproval", "Look first"],
        ["report", "Pending", "WaitingForSteps", "waits for load (Running)"],
    ]
    assert "\x1b" not in result.output
    document = json.loads(jobflow("explain", "etl", "-o", "json").stdout)
    assert document["steps"][0] == {
        "name": "report",
        "phase": "Pending",
        "reason": "WaitingForSteps",
        "message": "waits for load (Running)",
        "blockedBy": ["load"],
    }
    assert yaml.safe_load(jobflow("explain", "etl", "-o", "yaml").stdout) == document


def test_explain_sees_a_start_stage_that_no_status_tells(served: Served) -> None:
    add(served, flow("f", step("a")), a={"phase": "Running", "attempt": 1})
    add_job(served, "f", "a")
    assert "Job f-a-1 has no pod yet" in jobflow("explain", "f").stdout


def test_a_kueue_job_names_its_queue(served: Served) -> None:
    add(served, flow("f", step("a")), a={"phase": "Running", "attempt": 1})
    add_job(served, "f", "a", suspend=True)
    job = "/apis/batch/v1/namespaces/default/jobs/f-a-1"
    served.patch(job, {"metadata": {"labels": {"kueue.x-k8s.io/queue-name": "night"}}})
    said = jobflow("explain", "f", "a").stdout
    assert "a is Running (Queued)" in said
    assert "it waits in the Kueue queue night" in said


def test_scenario_25_explain_tells_the_whole_story_of_a_step(served: Served) -> None:
    made = flow("etl", step("a"), step("load", "a"), step("x", "load"), step("y", "load"))
    said = {"phase": "Failed", "reason": "Error", "message": "container main exited with code 3"}
    add(served, made, "Failed", a="Succeeded", load=said | {"attempt": 1})
    ended = {"startedAt": "2026-01-01T00:00:10Z", "finishedAt": "2026-01-01T00:00:15Z"}
    state = {"terminated": {"exitCode": 3, "reason": "Error", "message": "no table", **ended}}
    pod = {"phase": "Failed", "containerStatuses": [{"name": "main", "state": state}]}
    add_job(served, "etl", "load", pods=(pod,))
    lines = jobflow("explain", "etl", "load").stdout.splitlines()
    assert lines[:2] == ["load is Failed (Error)", "container main exited with code 3"]
    text = "\n".join(lines)
    for words in (
        "retries       0 of 0",
        "dependencies  a (Succeeded)",
        "dependents    x (Pending), y (Pending)",
        "attempt 1 Failed (Application): etl-load-1 container main exited with code 3: no table",
        "container main: requests memory=1Gi",
        "pod etl-load-1-0 Failed: running 5.00s",
        "logs: jobflow logs etl load -n default",
    ):
        assert words in text, text
    story = json.loads(jobflow("explain", "etl", "load", "-o", "json").stdout)
    assert story["attempts"][0]["pods"][0]["seconds"] == {"running": 5.0}


def test_a_flow_that_nobody_has_taken_up_says_so(served: Served) -> None:
    served.create("jobflows", flow("f", step("a")))
    assert "no operator has taken this flow up" in jobflow("explain", "f").stdout
    assert "not taken up by an operator yet" in jobflow("status", "f").stdout


def test_flows_are_listed_by_label_and_user(served: Served) -> None:
    marks = {"labels": {"team": "ocean"}, "annotations": {CREATED_BY: "ada"}}
    for name, metadata in (("b", marks), ("a", {})):
        made = flow(name, step("a"))
        made["metadata"] |= metadata
        add(served, made)

    def listed(*options: str) -> list[str]:
        items = json.loads(jobflow("list", "-o", "json", *options).stdout)["items"]
        return [item["metadata"]["name"] for item in items]

    assert listed() == ["a", "b"]
    assert listed("-l", "team=ocean") == listed("--user", "ada", "-A") == ["b"]
    assert listed("-l", "team=ocean", "-l", "x=y") == listed("-u", "bo") == []


def test_list_and_status(served: Served) -> None:
    assert jobflow("list").stdout == "no flows in namespace default\n"
    add(served, flow("b", step("a")), "Succeeded", a="Succeeded")
    add(served, flow("a", step("a"), step("b")), a="Succeeded")
    lines = jobflow("list").stdout.splitlines()
    assert [line.split()[:3] for line in lines] == [
        ["NAME", "PHASE", "PROGRESS"],
        ["a", "Running", "1/2"],
        ["b", "Succeeded", "1/1"],
    ]
    assert jobflow("list", "-A").stdout.splitlines()[1].split()[:2] == ["default", "a"]
    items = json.loads(jobflow("list", "-o", "json").stdout)["items"]
    assert [item["status"]["phase"] for item in items] == ["Running", "Succeeded"]
    shown = jobflow("status", "a").stdout.splitlines()
    assert shown[0] == "a  Running"
    assert [line.split()[:2] for line in shown[2:]] == [["a", "Succeeded"], ["b", "Pending"]]
    assert yaml.safe_load(jobflow("status", "a", "-o", "yaml").stdout)["status"]["phase"]


@pytest.mark.parametrize(("phase", "code"), [("Succeeded", 0), ("Failed", 1)])
def test_status_watch_ends_with_the_flow(served: Served, phase: str, code: int) -> None:
    add(served, flow("f", step("a")), a="Running")
    path = "/apis/workflow.kube-zen.io/v1alpha1/namespaces/default/jobflows/f/status"
    steps = [{"name": "a", "phase": phase, "message": "done"}]
    end = {"status": {"phase": phase, "completionTime": NOW, "steps": steps}}

    def refuse(request: Any) -> None:
        if request.query.get("watch"):
            served.later(0.05, path, end)

    served.refuse = refuse
    result = jobflow("status", "f", "--watch")
    assert result.exit_code == code, result.output
    assert result.stdout.splitlines() == ["a: Running", f"a: {phase}: done", phase]


def test_approve_and_reject_annotate(served: Served) -> None:
    asks = {"phase": "PendingApproval", "reason": "AwaitingApproval", "message": "?"}
    add(served, flow("f", manual("ok"), manual("later", "ok")), ok=asks)
    assert jobflow("approve", "f", "ok").stdout == "f: ok approved\n"
    assert jobflow("reject", "f", "later").stdout == "f: later rejected (before it asks)\n"
    prefix = "approved.workflow.kube-zen.io"
    annotations = served.flow("f")["metadata"]["annotations"]
    assert annotations == {f"{prefix}/ok": "true", f"{prefix}/later": "false"}


def test_pause_and_unpause_set_the_field(served: Served) -> None:
    add(served, flow("f", step("a")))
    assert jobflow("pause", "f").stdout == "f: paused\n"
    assert served.flow("f")["spec"]["suspend"] is True
    assert jobflow("unpause", "f").stdout == "f: goes on\n"
    assert served.flow("f")["spec"]["suspend"] is False
    assert jobflow("unpause", "f").stdout == "f: was not paused\n"


def test_stop_annotates(served: Served) -> None:
    add(served, flow("f", step("a")), a="Running")
    assert jobflow("stop", "f").stdout == "f: stopped\n"
    assert served.flow("f")["metadata"]["annotations"] == {"workflow.kube-zen.io/stop": "stop"}
    assert jobflow("stop", "f", "--terminate").stdout == "f: terminated\n"
    annotations = served.flow("f")["metadata"]["annotations"]
    assert annotations == {"workflow.kube-zen.io/stop": "terminate"}


def test_resume_asks_once_each_time_and_takes_back_a_stop(served: Served) -> None:
    made = flow("f", step("a"), step("b", "a"), step("c", "b"))
    made["metadata"]["annotations"] = {"workflow.kube-zen.io/stop": "stop"}
    made["spec"]["parameters"] = [{"name": "day", "value": "1"}, {"name": "n", "value": "2"}]
    failed = {"phase": "Failed", "reason": "Error", "message": "no"}
    skipped = {"phase": "Skipped", "reason": "DependencyFailed", "message": "b"}
    add(served, made, "Failed", a="Succeeded", b=failed, c=skipped)
    assert jobflow("resume", "f").stdout == "f: resumed, 2 steps run again: b, c\n"
    annotations = served.flow("f")["metadata"]["annotations"]
    first = json.loads(annotations["workflow.kube-zen.io/resume"])
    assert (first["mode"], "workflow.kube-zen.io/stop" in annotations) == ("hot", False)
    words = ("resume", "f", "--cold", "--from", "a", "-p", "day=9")
    assert "3 steps run again: a, b, c" in jobflow(*words).stdout
    found = served.flow("f")
    second = json.loads(found["metadata"]["annotations"]["workflow.kube-zen.io/resume"])
    assert second == {"id": second["id"], "mode": "cold", "from": ["a"]}
    assert second["id"] != first["id"]
    assert [each["value"] for each in found["spec"]["parameters"]] == ["9", "2"]


def test_set_parallelism_of_a_flow_and_of_a_template(served: Served) -> None:
    pod = {"spec": {"template": {"spec": {"containers": [{"name": "main", "image": "x"}]}}}}
    of_template = {"name": "a", "templateRef": "small"}
    made = flow("f", of_template, templates=[{"name": "small", "template": pod}])
    add(served, made, a="Running")
    assert jobflow("set-parallelism", "f", "0").stdout == "f: parallelism 0\n"
    assert served.flow("f")["spec"]["executionPolicy"]["parallelism"] == 0
    words = ("set-parallelism", "f", "3", "--template", "small")
    assert jobflow(*words).stdout == "f: parallelism 3 for tasks of template small\n"
    (template,) = served.flow("f")["spec"]["templates"]
    assert (template["parallelism"], template["template"]) == (3, pod)


def test_logs_are_those_of_the_main_container(served: Served) -> None:
    add(served, flow("f", step("a"), step("b", "a")), a={"phase": "Running", "attempt": 1})
    state = {"name": "main", "state": {"running": {"startedAt": NOW}}}
    add_job(served, "f", "a", pods=({"phase": "Running", "containerStatuses": [state]},))
    served.logs["f-a-1-0"] = b"hello\n"
    assert jobflow("logs", "f", "a").stdout == "hello\n"
    missing = jobflow("logs", "f", "b")
    assert missing.exit_code == 1
    assert "`jobflow explain f b` says why" in missing.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["logs", "etl", "load", "--task", "1"], "step load of flow etl is no array"),
        (["explain", "elt"], "no flow 'elt', it has done, etl; did you mean etl?"),
        (["explain", "etl", "lod"], "no step 'lod', it has load, ok; did you mean load?"),
        (["status", "elt"], "did you mean etl?"),
        (["approve", "etl", "load"], "step load of flow etl is no Manual step, it has ok"),
        (["approve", "etl", "ok"], "step ok is Succeeded already: approved"),
        (["stop", "done"], "flow done is Succeeded already"),
        (["resume", "done"], "the flow succeeded; name steps to run again"),
        (["resume", "done", "--from", "b"], "flow done has no step 'b', it has a"),
        (["resume", "done", "--from", "a", "-p", "x=1"], "no parameter 'x', it has none"),
        (["set-parallelism", "etl", "1", "--template", "x"], "no template 'x', it has none"),
        (["pause", "done"], "flow done is Succeeded already"),
        (["logs", "etl", "load", "--attempt", "7"], "attempt 7 of step load has no pod"),
    ],
)
def test_what_cannot_be_done_is_one_and_says_why(
    served: Served, words: list[str], said: str
) -> None:
    approved = {"phase": "Succeeded", "reason": "Approved", "message": "approved"}
    add(served, flow("etl", step("load"), manual("ok")), ok=approved)
    add(served, flow("done", step("a")), "Succeeded", a="Succeeded")
    result = jobflow(*words)
    assert result.exit_code == 1, result.output
    assert said in result.stderr
    assert result.stdout == ""


def test_an_invalid_flow_lists_its_problems(served: Served) -> None:
    add(served, flow("f", step("a", "nowhere")), "Failed")
    result = jobflow("explain", "f")
    assert result.exit_code == 1
    assert "flow f is invalid: spec.steps[0].dependencies[0]" in result.stderr


def test_a_cluster_that_cannot_be_used_is_three_and_names_a_cure(
    served: Served, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def said(code: int, reason: str, message: str) -> str:
        status = {"kind": "Status", "code": code, "reason": reason, "message": message}
        served.refuse = lambda _: (code, status)
        result = jobflow("explain", "f")
        assert result.exit_code == 3
        return result.stderr

    assert "log in again" in said(401, "Unauthorized", "Unauthorized")
    forbidden = said(403, "Forbidden", 'User "eve" cannot get resource "jobflows"')
    assert 'User "eve" cannot get' in forbidden
    assert "kubectl auth can-i --list -n default" in forbidden
    unknown = said(404, "NotFound", "the server could not find the requested resource")
    assert "install crds/" in unknown
    result = jobflow("explain", "f", "--kubeconfig", str(tmp_path / "nope"))
    assert result.exit_code == 3
    assert "no such kubeconfig" in result.stderr
    result = jobflow("explain", "f", "--context", "nope")
    assert result.exit_code == 3
    assert "contexts has no entry named 'nope'" in result.stderr


def test_every_command_has_examples_and_exit_codes() -> None:
    names = "explain list status logs approve reject pause unpause stop resume set-parallelism"
    for name in names.split():
        words = jobflow(name, "--help").stdout
        assert "Examples:" in words, name
        assert "Exit code" in words, name
        assert "--context" in words, name


def test_commands_of_one_machine_need_no_client() -> None:
    heavy = "{'aiohttp', 'msgspec', 'kubernetes', 'kopf'}"
    program = f"import sys, jobflows.cli.main; sys.exit(bool({heavy} & sys.modules.keys()))"
    subprocess.run([sys.executable, "-c", program], check=True)
