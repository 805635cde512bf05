"""The port over loopback: metrics, probes, version."""

from __future__ import annotations

import asyncio
import json

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from jobflows.controller.metrics import Metrics
from jobflows.controller.web import sample_lag, serve
from model.virtual_time import run


async def get(port: int, path: str, **headers: str) -> tuple[int, str, str]:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{port}{path}", headers=headers) as answer,
    ):
        return answer.status, answer.content_type, await answer.text()


def test_metrics_are_served_in_the_form_asked_for() -> None:
    async def scenario() -> None:
        metrics = Metrics(CollectorRegistry())
        async with serve(
            ("127.0.0.1", 0), registry=metrics.registry, live=dict, ready=dict
        ) as port:
            status, kind, text = await get(port, "/metrics")
            assert (status, kind) == (200, "text/plain")
            assert "# TYPE zen_flow_jobflows gauge" in text
            _, kind, text = await get(port, "/metrics", Accept="application/openmetrics-text")
            assert kind == "application/openmetrics-text"
            assert text.endswith("# EOF\n")

    asyncio.run(scenario())


def test_probes_follow_their_checks_and_name_what_fails() -> None:
    async def scenario() -> None:
        live, ready = {"core": True}, {"flows": False, "jobs": True}
        async with serve(
            ("127.0.0.1", 0), registry=CollectorRegistry(), live=lambda: live, ready=lambda: ready
        ) as port:
            status, kind, text = await get(port, "/healthz")
            assert (status, kind) == (200, "application/json")
            assert json.loads(text) == {"status": "ok", "checks": {"core": True}}

            status, _, text = await get(port, "/readyz")
            assert status == 503
            assert json.loads(text)["checks"] == {"flows": False, "jobs": True}

            live["core"], ready["flows"] = False, True
            assert (await get(port, "/healthz"))[0] == 503
            assert (await get(port, "/readyz"))[0] == 200

    asyncio.run(scenario())


def test_version_is_json() -> None:
    async def scenario() -> None:
        async with serve(
            ("127.0.0.1", 0), registry=CollectorRegistry(), live=dict, ready=dict
        ) as port:
            _, _, text = await get(port, "/version")
            assert json.loads(text).keys() == {"version", "python"}
            assert (await get(port, "/nothing"))[0] == 404

    asyncio.run(scenario())


def test_a_taken_port_is_an_error_at_once() -> None:
    async def scenario() -> None:
        checks = {"registry": CollectorRegistry(), "live": dict, "ready": dict}
        async with serve(("127.0.0.1", 0), **checks) as port:  # type: ignore[arg-type] # plain dict
            with pytest.raises(OSError, match=str(port)):
                async with serve(("127.0.0.1", port), **checks):  # type: ignore[arg-type] # as above
                    pass

    asyncio.run(scenario())


def test_lag_is_how_late_a_sleeper_wakes() -> None:
    async def scenario(*_: object) -> list[float]:
        seen: list[float] = []
        sampler = asyncio.create_task(sample_lag(seen.append, 0.25))
        await asyncio.sleep(1.1)
        sampler.cancel()
        return seen

    assert run(scenario, seed=1) == pytest.approx([0.0] * 4)
