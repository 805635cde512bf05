"""`jobflow map` in a map step: items out of a variable, and failures that fail nothing."""

import json
from pathlib import Path

import pytest

from unit.cli.map_runs import Place, results


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def block(first: int, *items: object) -> dict[str, str]:
    return {"JOBFLOW_ITEMS": json.dumps({"first": first, "items": items})}


def test_a_block_counts_from_its_place_among_all_items(place: Place) -> None:
    words = ["functions:double", "--items", "env:JOBFLOW_ITEMS", "--out", "out.jsonl"]
    place.run(*words, env=block(20, 1, 2))
    assert place.lines() == results([2, 4], first=20)


def test_a_block_that_was_begun_is_gone_on_with_and_another_is_refused(place: Place) -> None:
    words = ["functions:double", "--items", "env:JOBFLOW_ITEMS", "--out", "out.jsonl"]
    words += ["--checkpoint", "log"]
    place.run(*words, env=block(0, 1, 2))
    place.run(*words, env=block(0, 1, 2))
    assert sorted(place.calls()) == [1, 2]
    _, said = place.run(*words, env=block(0, 1, 3), code=2)
    assert "items" in said


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({}, "there is no variable JOBFLOW_ITEMS"),
        ({"JOBFLOW_ITEMS": "[1]"}, "give {"),
        ({"JOBFLOW_ITEMS": '{"first": -1, "items": []}'}, "give {"),
        ({"JOBFLOW_ITEMS": "{"}, "give {"),
    ],
)
def test_what_is_no_block_is_refused(place: Place, env: dict[str, str], said: str) -> None:
    words = ["functions:double", "--items", "env:JOBFLOW_ITEMS", "--out", "out.jsonl"]
    _, err = place.run(*words, env=env, code=2)
    assert said in err


def test_failed_items_may_be_accepted_and_are_counted_all_the_same(place: Place) -> None:
    words = ["functions:picky", "--items", "ten.jsonl", "--out", "out.jsonl"]
    message = place.folder / "message"
    env = {"JOBFLOW_TERMINATION_LOG": str(message)}
    place.run(*words, "--accept-failures", env=env)
    summary = json.loads(message.read_text())["map"]
    assert (summary["done"], summary["failed"]) == (8, 2)
    assert [each["index"] for each in summary["failedItems"]] == [3, 5]


def test_failures_cannot_be_accepted_where_the_first_ends_the_run(place: Place) -> None:
    words = ["functions:picky", "--items", "ten.jsonl", "--out", "out.jsonl"]
    _, said = place.run(*words, "--errors", "raise", "--accept-failures", code=2)
    assert "leave one out" in said
