"""Flows of one group."""

from itertools import pairwise

import pytest

from cluster_suite.flows import flow, manual, runs, sim, step
from cluster_suite.kube import Kube

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("operator")]


def test_forbid_lets_flows_of_one_generate_name_run_one_after_the_other(kube: Kube) -> None:
    first = kube.create(flow("nightly-", step("a", pod=sim("never"))))
    kube.reaches(first, "Running")
    names = [kube.create(flow("nightly-", step("a", pod=runs("500ms")))) for _ in range(3)]
    for name in names:
        waiting = kube.reaches(name, "Pending")
        assert waiting["reason"] == "WaitingForFlow"
        assert first in waiting["message"]
    kube("delete", "jf", first)
    done = sorted((kube.ends(name) for name in names), key=lambda s: str(s["startTime"]))
    for before, after in pairwise(done):
        assert after["startTime"] >= before["completionTime"]


def test_replace_stops_the_older_flow(kube: Kube) -> None:
    policy = {"concurrencyPolicy": "Replace"}
    old = kube.create(flow("hourly-", step("a", pod=sim("never")), executionPolicy=policy))
    kube.reaches(old, "Running")
    # Creation times have a resolution of one second, and the newer flow must be newer by them.
    kube.apply(flow("clock", manual("ask", timeoutSeconds=1)))
    kube.ends("clock", "Failed")
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
    kube.reaches("one", "Running")
