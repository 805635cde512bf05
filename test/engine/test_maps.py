"""Map steps: items cut into tasks by what is known, measures added up, outputs out of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from engine.array_world import ArrayWorld, End
from engine.flows import flow, step
from jobflows.api.array import ItemsError
from jobflows.api.map import LONGEST_BLOCK, Map
from jobflows.engine import FlowPhase, StepPhase
from jobflows.engine.blocks import FEW, TARGET, Cut, cut
from jobflows.engine.mapping import (
    FailedItem,
    MapRecord,
    Measured,
    read_map,
    read_measured,
    write_map,
)

FUNCTION = "shop.prices:fetch"
DONE_OUTPUT = {"done": "$.map.done"}


def mapping(**fields: Any) -> Map:
    return Map.model_validate({"function": FUNCTION, **fields})


def map_step(name: str, needs: str = "", **fields: Any) -> dict[str, Any]:
    keys = ("items", "itemsFrom", "itemsPerTask", "parallelism")
    own = {key: fields.pop(key) for key in keys if key in fields}
    return step(name, needs, map={"function": FUNCTION, **own}, **fields)


def summary(**fields: Any) -> str:
    said = {"items": 2, "done": 2, "workers": 2, "seconds": 1.0, "itemSeconds": 0.9, "speedup": 1.8}
    return json.dumps({"map": {**said, "efficiency": 0.9, "peakMemory": 100, **fields}})


SLOW = Measured(done=10, item_seconds=30.0, speedup=2.0)
QUICK = Measured(done=10, item_seconds=0.01, speedup=2.0)


@pytest.mark.parametrize(
    ("per_task", "items", "known", "size", "words"),
    [
        ("auto", 10, None, 10, "are few"),
        ("auto", FEW, None, FEW, "are few"),
        ("auto", FEW + 1, None, (FEW + 2) // 2, "nothing is known"),
        ("auto", 10_000, None, 1000, "nothing is known"),
        ("auto", 10_000, QUICK, 10_000, "less than 5 min"),
        ("auto", 100, SLOW, 20, "20 take 5 min"),
        ("auto", 21, SLOW, 11, "20 take 5 min"),  # two tasks of a size, not 20 and 1
        ("auto", 100, Measured(done=1, item_seconds=4000.0), 1, "1 take"),
        ("auto", 100, Measured(items=5, skipped=5), 100, "nothing is known"),
        (7, 100, SLOW, 7, "itemsPerTask"),
        (500, 100, None, 500, "itemsPerTask"),
        ("auto", 0, None, 1, "are few"),
    ],
)
def test_items_are_cut_by_what_is_known(
    per_task: object, items: int, known: Measured | None, size: int, words: str
) -> None:
    found = cut(mapping(items=[], itemsPerTask=per_task), list(range(items)), known)
    assert found.per_task == size
    assert words in found.reason


def test_a_task_gets_no_more_than_a_variable_can_hold() -> None:
    items = ["x" * 1000] * 500
    found = cut(mapping(items=[]), items, None)
    assert found == Cut(84, "as many as fit into 100000 bytes")
    with pytest.raises(ItemsError, match="longer than 100000 bytes"):
        cut(mapping(items=[]), ["x" * LONGEST_BLOCK], None)


def test_the_target_is_a_good_size() -> None:
    assert 60 < TARGET < 1800


def test_measures_add_up() -> None:
    record = MapRecord(function=FUNCTION, per_task=10)
    failed = [{"index": 3, "error": "ValueError: bad"}]
    record = record.with_task(summary(failed=1, failedItems=failed, deaths=1, seconds=3.0))
    record = record.with_task(summary(speedup=1.0, skipped=5, items=7, peakMemory=50))
    assert record.measured == Measured(
        tasks=2,
        items=9,
        done=4,
        failed=1,
        skipped=5,
        workers=2,
        seconds=4.0,
        item_seconds=0.9,
        speedup=1.6,  # 3 s at 1.8 and 1 s at 1.0
        efficiency=0.9,
        peak_memory=100,
        deaths=1,
        failed_items=(FailedItem(3, "ValueError: bad"),),
    )
    assert read_map(json.loads(json.dumps(write_map(record)))) == record


@pytest.mark.parametrize(
    "said",
    [None, "", "killed", "[]", "{}", '{"map": 3}', "[" * 100_000],
)
def test_what_is_no_summary_measures_nothing(said: str | None) -> None:
    assert read_measured(said) is None


def test_what_makes_no_sense_in_a_summary_is_left_out() -> None:
    spoilt = {
        "items": -1,
        "done": "many",
        "speedup": 1e400,
        "limits": 3,
        "failedItems": [{"index": "a"}, 7, {"index": 2, "error": 5}],
        "workers": True,
        "seconds": 2,
    }
    assert read_measured(json.dumps({"map": spoilt})) == Measured(
        seconds=2.0, failed_items=(FailedItem(2, "5"),)
    )


def test_a_small_map_is_one_task_and_its_measures_are_outputs() -> None:
    world = ArrayWorld(flow(map_step("a", items=[1, 2], outputs=DONE_OUTPUT), step("b", "a")))
    world.says = lambda _step, _task: summary()
    world.run()
    assert world.ledger.phase is FlowPhase.SUCCEEDED
    assert world.jobs("a") == ["0"]
    assert world.record("a").outputs == {"done": "2"}


def test_blocks_of_items_are_tasks_of_one_job_and_measured_together() -> None:
    world = ArrayWorld(flow(map_step("a", items=list(range(7)), itemsPerTask=2)))
    world.says = lambda _step, task: summary(items=1 if task == 3 else 2)
    world.run()
    assert world.jobs("a") == ["0-3"]
    found = world.record("a").map
    assert found is not None
    assert found.measured is not None
    assert (found.measured.tasks, found.measured.items) == (4, 7)


def test_parallelism_limits_the_tasks_of_a_map() -> None:
    world = ArrayWorld(flow(map_step("a", items=list(range(8)), itemsPerTask=1, parallelism=3)))
    world.run()
    assert world.most_live["a"] == 3
    assert world.ledger.phase is FlowPhase.SUCCEEDED


def test_what_is_known_of_a_function_cuts_the_next_map() -> None:
    world = ArrayWorld(flow(map_step("a", items=list(range(100)))), measured={FUNCTION: SLOW})
    world.run()
    assert world.jobs("a") == ["0-4"]


def test_an_output_that_was_not_measured_fails_the_step() -> None:
    world = ArrayWorld(flow(map_step("a", items=[1], outputs=DONE_OUTPUT))).run()
    assert world.record("a").phase is StepPhase.FAILED
    assert world.record("a").reason == "OutputInvalid"


def test_a_task_that_failed_is_measured_once_when_it_has_succeeded() -> None:
    def script(_step: str, task: int, ran: int) -> tuple[End, float]:
        return ("fail" if task == 1 and not ran else "ok"), 1.0

    world = ArrayWorld(flow(map_step("a", items=[1, 2, 3], itemsPerTask=1, retries=1)), script)
    world.says = lambda _step, _task: summary(items=1, done=1)
    world.run()
    assert world.jobs("a") == ["0-2", "1"]
    found = world.record("a").map
    assert found is not None
    assert found.measured is not None
    assert found.measured.items == 3


def test_a_resume_keeps_the_cut_whatever_is_known_by_then() -> None:
    def script(_step: str, task: int, ran: int) -> tuple[End, float]:
        return ("fail" if task == 1 and not ran else "ok"), 1.0

    world = ArrayWorld(flow(map_step("a", items=list(range(100)))), script)
    world.measured = {FUNCTION: SLOW}
    world.says = lambda _step, _task: summary(items=20, done=20)
    assert world.run().ledger.phase is FlowPhase.FAILED
    world.measured = {FUNCTION: QUICK}
    world.resume = '{"id": "again"}'
    assert world.run().ledger.phase is FlowPhase.SUCCEEDED
    assert world.jobs("a") == ["0-4", "1"]
    found = world.record("a").map
    assert found is not None
    assert found.measured is not None
    assert found.measured.items == 100


def test_a_job_made_by_an_operator_that_died_says_how_it_was_cut() -> None:
    world = ArrayWorld(flow(map_step("a", items=list(range(100)))), measured={FUNCTION: SLOW})
    world.status = {}
    world.plan()  # decides, opens, creates; then dies before its status is written
    while not world.batches:
        world.plan()
    world.status = {}
    world.crash()
    world.measured = {}
    world.run()
    assert world.jobs("a") == ["0-4"]
    assert world.ledger.phase is FlowPhase.SUCCEEDED


def test_items_that_an_earlier_step_found() -> None:
    found = {"jsonPath": "a:$.outputs.files"}
    first = step("a", outputs={"files": "$.files"})
    world = ArrayWorld(flow(first, map_step("b", "a", itemsFrom=found, itemsPerTask=2)))
    world.says = lambda _step, _task: '{"files": ["x", {"y": 1}, 3]}'
    world.run()
    assert world.jobs("b") == ["0-1"]
    assert world.ledger.phase is FlowPhase.SUCCEEDED
