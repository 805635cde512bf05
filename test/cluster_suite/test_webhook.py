"""The admission webhook: what `kubectl apply` is told, and what goes on when nobody answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from cluster.ports import free_ports
from cluster_suite.admission import file_certificates, registered
from cluster_suite.flows import flow, manual, runs, step
from cluster_suite.kube import APPROVED, Kube, Object
from cluster_suite.process import OperatorProcess, running
from jobflows.api.model import CREATED_BY
from unit.webhook.authority import TestAuthority

pytestmark = pytest.mark.cluster


@dataclass(frozen=True)
class Front:
    """An operator that serves the webhook for one namespace."""

    kube: Kube
    operator: OperatorProcess
    folder: Path
    authority: TestAuthority
    port: int
    flags: tuple[str, ...]


@pytest.fixture
def front(kube: Kube, operator_config: Path, tmp_path: Path) -> Iterator[Front]:
    authority, folder = TestAuthority(), tmp_path / "certificates"
    file_certificates(folder, authority, 1)
    (port,) = free_ports(1)
    flags = (
        *("--watch-namespace", kube.namespace, "--webhook-port", str(port)),
        *("--webhook-certificates", str(folder)),
    )
    with (
        running(operator_config, tmp_path / "log", *flags) as operator,
        registered(kube, kube.namespace, port, authority.pem),
    ):
        yield Front(kube, operator, folder, authority, port, flags)


def good(name: str) -> Object:
    """A flow that nobody has a word against."""
    made = step("a")
    made["template"]["spec"]["template"]["spec"]["containers"][0]["image"] = "busybox:1.36"
    return flow(name, made)


def test_a_bad_flow_is_refused_with_all_its_problems(front: Front) -> None:
    hole = step("b", metadata={"annotations": {"x": "{{ parameters.gone }}"}})
    bad = flow("bad", step("a", "nowhere"), hole, step("c", "d"), step("d", "c"))
    said = front.kube.refused("apply", "-f", "-", stdin=bad)
    lines = [line for line in said.splitlines() if line.startswith("* spec.")]
    assert len(lines) == 3
    assert lines[0].startswith("* spec.steps[0].dependencies[0]: ")
    assert "there is no step 'nowhere'. Use one of the steps" in lines[0]
    assert "there is no parameter 'gone' here" in lines[1]
    assert "c -> d -> c" in lines[2] or "cycle" in lines[2]
    assert front.kube.find("jf") == []


def test_a_good_flow_gets_its_defaults_and_runs(front: Front) -> None:
    assert front.kube.noted("apply", "-f", "-", stdin=good("good")) == ""
    found = front.kube.get("jf", "good")
    me = json.loads(front.kube("auth", "whoami", "-o", "json"))["status"]["userInfo"]["username"]
    assert found["metadata"]["annotations"][CREATED_BY] == me
    stored = found["spec"]
    assert stored["suspend"] is False
    assert stored["executionPolicy"] == {
        "concurrencyPolicy": "Forbid",
        "ttlSecondsAfterFinished": 86400,
        "backoffLimit": 6,
        "failFast": False,
        "failFastMode": "Drain",
    }
    assert list(stored["steps"][0]) == list(good("good")["spec"]["steps"][0])
    assert "unchanged" in front.kube("apply", "-f", "-", stdin=good("good"))
    front.kube.ends("good")


def test_warnings_are_shown(front: Front) -> None:
    unwise = {**good("unwise")["spec"], "executionPolicy": {"ttlSecondsAfterFinished": 0}}
    said = front.kube.noted("apply", "-f", "-", stdin={**good("unwise"), "spec": unwise})
    assert said.startswith("Warning: spec.executionPolicy.ttlSecondsAfterFinished: ")
    front.kube.apply(flow("late", step("done"), manual("ask", "done")))
    front.kube.reaches("late", "Paused")
    edit = {"spec": {"steps": [step("done", timeoutSeconds=5), manual("ask", "done")]}}
    said = front.kube.noted("patch", "jf", "late", "--type=merge", "--patch", json.dumps(edit))
    assert "Warning: step done: is Succeeded already" in said
    said = front.kube.noted("annotate", "jf", "late", f"{APPROVED}/asks=true")
    assert "Warning: " in said
    assert "there is no Manual step 'asks'" in said


def test_certificates_change_while_flows_are_applied(front: Front) -> None:
    """As cert-manager renews them: the same authority, a new pair, at any moment."""
    for number in range(2, 40):
        if number % 4 == 0:
            file_certificates(front.folder, front.authority, number)
        front.kube.apply(good(f"f{number}"))
    assert len(front.kube.find("jf")) == 38


def test_the_operators_own_certificates_are_renewed_while_flows_are_applied(
    kube: Kube, operator_config: Path, tmp_path: Path
) -> None:
    """From nothing; with a life of 12 s, so that there is another authority soon."""
    (port,) = free_ports(1)
    name = kube.namespace
    flags = (
        *("--watch-namespace", kube.namespace, "--webhook-port", str(port)),
        *("--webhook-self-managed", name, "--webhook-service", "127.0.0.1"),
        *("--webhook-certificate-lifetime", "12s", "--pod-namespace", kube.namespace),
    )
    with (
        registered(kube, name, port),
        running(operator_config, tmp_path / "log", *flags) as operator,
    ):
        seen: set[str] = set()
        number = 0
        while len(seen) < 3:
            number += 1
            kube.apply(good(f"f{number}"))
            seen.add(kube.get("secret", name)["data"]["ca.crt"])
            if number == 1:
                said = kube.refused("apply", "-f", "-", stdin=flow("bad", step("a", "b")))
                assert "there is no step 'b'" in said
        assert len(kube.find("jf")) == number
        for text in (operator.log_text(), operator.fetch("/metrics")[1]):
            assert "PRIVATE KEY" not in text


def test_while_nobody_answers_flows_are_refused_and_those_that_run_go_on(
    kube: Kube, operator_config: Path, tmp_path: Path
) -> None:
    """Without its webhook the operator still writes statuses and deletes flows."""
    (port,) = free_ports(1)
    scope = ("--watch-namespace", kube.namespace)
    short = {**good("short"), "spec": {**good("short")["spec"]}}
    short["spec"]["executionPolicy"] = {"ttlSecondsAfterFinished": 1}
    with running(operator_config, tmp_path / "first", *scope):
        kube.apply(flow("long", step("a", pod=runs("3s")), step("b", "a")))
        kube.step_reaches("long", "a", "Running")
        kube.apply(short)
    with registered(kube, kube.namespace, port, TestAuthority().pem):
        said = kube.refused("apply", "-f", "-", stdin=good("late"))
        assert "failed calling webhook" in said
        assert "connection refused" in said
        with running(operator_config, tmp_path / "second", *scope):
            kube.ends("long")
            kube.gone("jf", "short")


def test_who_may_not_create_jobs_may_not_have_them_created(front: Front) -> None:
    kube = front.kube
    kube("create", "role", "author", "--verb=create,get,patch", "--resource=jobflows")
    kube("create", "rolebinding", "author", "--role=author", "--user=ada")
    as_ada = ("create", "--as=ada", "-f", "-")
    said = kube.refused(*as_ada, stdin=good("hers"))
    assert "user 'ada' may not create jobs.batch" in said
    kube("create", "role", "maker", "--verb=create", "--resource=jobs")
    kube("create", "rolebinding", "maker", "--role=maker", "--user=ada")
    kube(*as_ada, stdin=good("hers"))
    maps = {"configMapTemplates": [{"metadata": {"name": "conf"}, "data": {"a": "b"}}]}
    more = good("more")
    more["spec"]["resourceTemplates"] = maps
    said = kube.refused(*as_ada, stdin=more)
    assert "may not create configmaps in namespace" in said
    kube("delete", "rolebinding", "maker")
    wider = {"spec": {"steps": [step("other")]}}
    patch = json.dumps(wider)
    said = kube.refused("patch", "--as=ada", "jf", "hers", "--type=merge", "--patch", patch)
    assert "may not create jobs.batch" in said
    kube("annotate", "--as=ada", "jf", "hers", "note=mine")


def test_the_largest_flow_is_taken(front: Front) -> None:
    work = {"name": "work", "template": good("x")["spec"]["steps"][0]["template"]}
    steps = [{"name": f"s{i}", "templateRef": "work"} for i in range(10_000)]
    large = flow("large", *steps, templates=[work], suspend=True)
    assert front.kube.noted("create", "-f", "-", stdin=large) == ""
    said = front.kube.refused("create", "-f", "-", stdin=flow("wide", *steps, suspend=True))
    assert "and 9950 more" in said or "templateRef" in said
    front.kube("delete", "jf", "large")


def nested(name: str) -> str:
    """A flow of 5,000 levels, as text: an API server takes it, and Python's own JSON would not."""
    deep = '{"a":' * 5000 + "1" + "}" * 5000
    return json.dumps(good(name)).replace('"restartPolicy": "Never"', f'"x": {deep}')


def test_a_flow_nested_as_no_job_is_refused(front: Front) -> None:
    assert "nest" in front.kube.refused("create", "-f", "-", stdin=nested("deep"))
    assert front.kube.noted("create", "-f", "-", stdin=good("good")) == ""


def test_without_the_webhook_such_a_flow_fails_and_no_other(
    kube: Kube, operator_config: Path, tmp_path: Path
) -> None:
    scope = ("--watch-namespace", kube.namespace)
    failed = ("wait", "jf/deep", "--for=jsonpath={.status.phase}=Failed", "--timeout=60s")
    with running(operator_config, tmp_path / "first", *scope):
        kube("create", "-f", "-", stdin=nested("deep"))
        kube(*failed)
        kube.apply(good("good"))
        kube("wait", "jf/good", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=60s")
    message = kube("get", "jf", "deep", "-o", "jsonpath={.status.message}")
    assert "nested more than 100 levels deep" in message
    with running(operator_config, tmp_path / "second", *scope):
        kube.create(good("after"))
        kube("wait", "jf/after", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=60s")
