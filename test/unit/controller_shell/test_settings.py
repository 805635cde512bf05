"""A `Settings` that exists is valid."""

from __future__ import annotations

import os

import pytest

from jobflows.controller.settings import SettingError, Settings


@pytest.mark.parametrize(
    ("address", "endpoint"),
    [
        (":8080", (None, 8080)),
        ("0.0.0.0:8080", ("0.0.0.0", 8080)),
        ("127.0.0.1:0", ("127.0.0.1", 0)),
        ("[::1]:9090", ("::1", 9090)),
        ("metrics.local:80", ("metrics.local", 80)),
    ],
)
def test_an_address_is_host_and_port(address: str, endpoint: tuple[str | None, int]) -> None:
    assert Settings(metrics_address=address).metrics_endpoint == endpoint


@pytest.mark.parametrize(
    "address", ["", "8080", "a", "a:", "a:b", "::1:80", ":65536", "http://a:1"]
)
def test_anything_else_is_not_an_address(address: str) -> None:
    with pytest.raises(SettingError) as caught:
        Settings(metrics_address=address)
    assert caught.value.field == "metrics_address"


@pytest.mark.parametrize(
    "selector",
    [
        "",
        "team=a",
        "team==a, tier!=test",
        "example.com/team=a",
        "team in (a, b),tier notin (c)",
        "team,!tier",
        "team=",
    ],
)
def test_kubectls_selectors_are_taken(selector: str) -> None:
    assert Settings(label_selector=selector).label_selector == selector


@pytest.mark.parametrize(
    "selector", ["=a", "team=a,", "team=a=b", "team in a", "te am", "a;b", ","]
)
def test_other_selectors_are_refused(selector: str) -> None:
    with pytest.raises(SettingError, match="label selector"):
        Settings(label_selector=selector)


def test_the_identity_is_the_pods_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POD_NAME", "jobflow-7c9")
    assert Settings().identity == "jobflow-7c9"


def test_outside_of_a_pod_it_is_host_and_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("POD_NAME", raising=False)
    assert Settings().identity.endswith(f"_{os.getpid()}")
