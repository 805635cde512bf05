"""The model of the API server answers as a real kube-apiserver does.

One script (`model.script`) is played on both, chapter by chapter, and the normalised answers are
compared. What the real one said is kept in `test/unit/model/answers`, for machines without a
cluster; run this with `RECORD_ANSWERS=1` on Kubernetes 1.34 to write it anew.
"""

from __future__ import annotations

import asyncio
import json
import os
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jobflows.cluster.transport import Request, Transport
from model import ApiServer, simulate
from model.chapters import ALL
from model.script import play

OpenTransport = Callable[[], Transport]

pytestmark = [
    pytest.mark.cluster,
    # The script sends more than a megabyte on purpose; the size is what it asks about.
    pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning"),
]

ANSWERS = Path(__file__).parents[1] / "unit" / "model" / "answers"
WORDED = "34"  # the minor version whose messages the model copies


async def _on_the_model(server: ApiServer, title: str) -> dict[str, Any]:
    await server.clock.sleep(1.0)
    server.compact()  # a real server has forgotten its first versions long ago
    return await play(server.transport(), {title: ALL[title]}, "contract")


async def _on_the_cluster(transport: Transport, title: str) -> tuple[dict[str, Any], str]:
    version = json.loads((await transport.send(Request("GET", "/version"))).body)
    place = f"contract-{uuid.uuid4().hex[:6]}"
    return await play(transport, {title: ALL[title]}, place), str(version["minor"])


@pytest.mark.parametrize("title", ALL)
def test_the_model_answers_as_the_real_server(title: str, cluster_transport: OpenTransport) -> None:
    async def ask() -> tuple[dict[str, Any], str]:
        transport = cluster_transport()  # it wants the running loop
        try:
            return await _on_the_cluster(transport, title)
        finally:
            await transport.close()

    real, minor = asyncio.run(ask())
    if title == "forgetting" and not _has_forgotten(real[title]):
        pytest.skip("this server is too young to have forgotten its first version")
    model = simulate(lambda server: _on_the_model(server, title))
    if minor != WORDED:
        real, model = _without_wording(real), _without_wording(model)
    elif os.environ.get("RECORD_ANSWERS"):
        lines = [f"{json.dumps(step)}: {json.dumps(said)}" for step, said in real[title].items()]
        (ANSWERS / f"{title}.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
    assert model[title] == real[title]


def _has_forgotten(said: dict[str, Any]) -> bool:
    """The watch cache forgets with its size, etcd by the clock: both must have."""
    return bool(said["too old"][0][0] == "ERROR" and said["too old a list"]["code"] == 410)


def _without_wording(value: Any) -> Any:
    """Messages are free to change from version to version; codes and reasons are not."""
    if isinstance(value, dict):
        return {key: _without_wording(item) for key, item in value.items() if key != "message"}
    return value
