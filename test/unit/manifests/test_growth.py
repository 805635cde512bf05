"""A pod whose resources have grown: what it asks for, and where it runs."""

from __future__ import annotations

from typing import Any

import pytest

from jobflows.engine import UNGROWN, Grown, StartAttempt
from jobflows.manifests.job import build_job
from unit.manifests.made import Object, made, template

MI = 2**20


def pod(grown: Grown, asked: Object, *, policy: Object | None = None, **more: Any) -> Any:
    """The pod of a step that asks for `asked`, with what has grown."""
    growth = {"memory": {"factor": 2}} if "memory" in str(asked) else {"cpu": {"factor": 2}}
    retry = {"resources": growth, **(policy or {})}
    flow = made(template({"resources": asked}, pod=more), step={"retryPolicy": retry})
    return build_job(flow, StartAttempt(0, 2, {"pool": "huge"}, resources=grown))["spec"][
        "template"
    ]["spec"]


def both(**amounts: str) -> Object:
    return {"requests": amounts, "limits": amounts}


CASES: dict[str, tuple[Object, Grown, Object]] = {
    "request and limit": (
        both(memory="32Mi"), Grown(memory=48 * MI), both(memory="48Mi"),
    ),
    "the request keeps its share": (
        {"requests": {"memory": "50Mi"}, "limits": {"memory": "100Mi"}},
        Grown(memory=150 * MI),
        {"requests": {"memory": "75Mi"}, "limits": {"memory": "150Mi"}},
    ),
    "a request alone": (
        {"requests": {"memory": "1Gi"}},
        Grown(memory=1536 * MI),
        {"requests": {"memory": "1536Mi"}},
    ),
    "a limit alone": (
        {"limits": {"memory": "1Gi"}}, Grown(memory=1536 * MI), {"limits": {"memory": "1536Mi"}},
    ),
    "a small request is no zero": (
        {"requests": {"memory": "1k"}, "limits": {"memory": "500M"}},
        Grown(memory=716 * MI),
        {"requests": {"memory": "1Mi"}, "limits": {"memory": "716Mi"}},
    ),
    "a max that is no whole Mi": (
        both(memory="500M"), Grown(memory=600_000_000), both(memory="600000000"),
    ),
    "cpu": (
        {"requests": {"cpu": "100m"}, "limits": {"cpu": "0.5"}},
        Grown(cpu=750),
        {"requests": {"cpu": "150m"}, "limits": {"cpu": "750m"}},
    ),
    "whole cores": (both(cpu="500m"), Grown(cpu=2000), both(cpu="2")),
    "what else it asks for": (
        both(memory="1Gi", cpu="1"), Grown(memory=2048 * MI), both(memory="2048Mi", cpu="1"),
    ),
    "a template that asks for more by now": (
        both(memory="1Gi"), Grown(memory=48 * MI), both(memory="1Gi"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_a_container_asks_for(case: str) -> None:
    asked, grown, expected = CASES[case]
    assert pod(grown, asked)["containers"][0]["resources"] == expected


def test_nothing_changes_before_something_has_grown() -> None:
    assert pod(UNGROWN, both(memory="32Mi"))["containers"][0]["resources"] == both(memory="32Mi")


def test_only_the_main_container_grows() -> None:
    side = {"name": "side", "image": "busybox", "resources": both(memory="8Mi")}
    main = {"name": "main", "image": "busybox", "resources": both(memory="32Mi")}
    made_pod = pod(Grown(memory=64 * MI), both(memory="1Mi"), containers=[side, main])
    asked = {c["name"]: c["resources"]["limits"]["memory"] for c in made_pod["containers"]}
    assert asked == {"side": "8Mi", "main": "64Mi"}
    made_pod = pod(Grown(memory=64 * MI), both(memory="1Mi"), containers=[side])
    assert made_pod["containers"][0]["resources"] == both(memory="64Mi")


def test_the_template_is_left_as_it_is() -> None:
    flow = made(
        template({"resources": both(memory="32Mi")}),
        step={"retryPolicy": {"resources": {"memory": {"factor": 2}}}},
    )
    build_job(flow, StartAttempt(0, 2, resources=Grown(memory=64 * MI)))
    container = flow.steps[0].template["spec"]["template"]["spec"]["containers"][0]
    assert container["resources"] == both(memory="32Mi")


def test_scenario_15_a_fallback_says_where_it_runs() -> None:
    spot = {"key": "spot", "operator": "Exists"}
    big = {"key": "pool", "operator": "Equal", "value": "huge"}
    policy = {
        "resources": {"memory": {"factor": 2, "max": "1Gi"}},
        "fallbacks": [
            {"nodeSelector": {"pool": "big"}, "max": {"memory": "2Gi"}},
            {"nodeSelector": {"pool": "huge"}, "tolerations": [big], "priorityClassName": "low"},
        ],
    }
    own = {"nodeSelector": {"pool": "small", "arch": "arm64"}, "tolerations": [spot]}

    def at(mebibytes: int) -> Any:
        grown = Grown(memory=mebibytes * MI)
        return pod(grown, both(memory="512Mi"), policy=policy, **own)

    assert at(1024)["nodeSelector"] == {"pool": "small", "arch": "arm64"}
    assert at(2048)["nodeSelector"] == {"pool": "big", "arch": "arm64"}
    assert at(2048)["tolerations"] == [spot]
    huge = at(4096)
    assert huge["nodeSelector"] == {"pool": "huge", "arch": "arm64"}
    assert huge["tolerations"] == [spot, big]
    assert huge["priorityClassName"] == "low"


def test_a_fallback_may_name_parameters() -> None:
    policy = {
        "resources": {"memory": {"factor": 2, "max": "1Gi"}},
        "fallbacks": [{"nodeSelector": {"pool": "{{ parameters.pool }}"}}],
    }
    flow = made(
        template({"resources": both(memory="1Gi")}),
        step={"retryPolicy": policy},
        parameters=[{"name": "pool", "value": "huge"}],
    )
    start = StartAttempt(0, 2, {"pool": "huge"}, resources=Grown(memory=2048 * MI))
    job = build_job(flow, start)
    assert job["spec"]["template"]["spec"]["nodeSelector"] == {"pool": "huge"}
