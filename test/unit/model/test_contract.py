"""The model gives the answers that a real kube-apiserver 1.34 gave to the same script.

The answers were recorded by `test/cluster_suite/test_model_is_honest.py`, which also checks that a
real server still gives them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from model import ApiServer, simulate
from model.chapters import ALL
from model.script import play

ANSWERS = Path(__file__).parent / "answers"


async def _played(server: ApiServer, title: str) -> dict[str, Any]:
    await server.clock.sleep(1.0)
    server.compact()  # the real server has forgotten its first versions long ago
    answers = await play(server.transport(), {title: ALL[title]}, "contract")
    return answers[title]


@pytest.mark.parametrize("title", ALL)
def test_the_model_answers_as_the_real_server_did(title: str) -> None:
    real = json.loads((ANSWERS / f"{title}.json").read_text())
    assert simulate(lambda server: _played(server, title)) == real


def test_every_chapter_has_recorded_answers() -> None:
    assert {path.stem for path in ANSWERS.glob("*.json")} == set(ALL)
