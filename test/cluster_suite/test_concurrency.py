"""Flows of one group."""

import pytest

from cluster_suite.flows import flow, runs, sim, step
from cluster_suite.kube import Kube

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("operator")]


def test_forbid_lets_flows_of_one_generate_name_run_one_after_the_other(kube: Kube) -> None:
    nightly = flow("nightly-", step("a", pod=runs("500ms")))
    names = [kube.create(nightly) for _ in range(3)]
    waiting = kube.reaches(names[2], "Pending")
    assert waiting["reason"] == "WaitingForFlow"
    assert names[0] in waiting["message"] or names[1] in waiting["message"]
    done = sorted((kube.ends(name) for name in names), key=lambda s: str(s["startTime"]))
    for before, after in zip(done, done[1:], strict=False):
        assert after["startTime"] >= before["completionTime"]


def test_replace_stops_the_older_flow(kube: Kube) -> None:
    policy = {"concurrencyPolicy": "Replace"}
    old = kube.create(flow("hourly-", step("a", pod=sim("never")), executionPolicy=policy))
    kube.reaches(old, "Running")
    # Age has a resolution of one second, and a flow is only replaced by one that is younger.
    kube.until("job", f"{old}-a-1", lambda job: job["status"].get("active") == 1)
    new = kube.create(flow("hourly-", step("a"), executionPolicy=policy))
    kube.ends(new)
    assert kube.ends(old, "Failed")["reason"] == "Replaced"
    kube.gone("job", f"{old}-a-1")
    assert not kube.pods(old)


def test_a_group_joins_flows_of_different_names(kube: Kube) -> None:
    policy = {"concurrencyGroup": "warehouse"}
    kube.apply(
        flow("first", step("a", pod=runs("500ms")), executionPolicy=policy),
        flow("second", step("a", pod=runs("500ms")), executionPolicy=policy),
    )
    first, second = kube.ends("first"), kube.ends("second")
    earlier, later = sorted((first, second), key=lambda status: str(status["startTime"]))
    assert later["startTime"] >= earlier["completionTime"]


def test_flows_with_plain_names_do_not_wait_for_each_other(kube: Kube) -> None:
    kube.apply(
        flow("one", step("a", pod=sim("never"))),
        flow("two", step("a")),
    )
    kube.ends("two")
    assert kube.flow("one")["phase"] == "Running"
