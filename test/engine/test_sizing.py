"""Advice on the size of tasks: when there is some, and its numbers."""

from __future__ import annotations

import pytest

from jobflows.engine.sizing import ADVICE, ENOUGH, Tally, advise


def tally(*runs: float, overhead: float = 2.0) -> Tally:
    made = Tally()
    for i, seconds in enumerate(runs):
        made.add(f"step s{i}", overhead, seconds)
    return made


@pytest.mark.parametrize(
    ("runs", "words"),
    [
        (
            [4.0] * 120,
            "120 tasks ran 4 s on average, and took 2 s to start: "
            "group about 15 of them in one task, which makes 8 tasks of 60 s",
        ),
        (
            [0.0] * 30,
            "30 tasks ran 0 s on average, and took 2 s to start: "
            "group about 30 of them in one task, which makes one task",
        ),
        (
            [59.0] * 20,
            "20 tasks ran 59 s on average, and took 2 s to start: "
            "group about 2 of them in one task, which makes 10 tasks of 2 min",
        ),
        (
            [60.0, 7200.0, 1801.0],
            "step s1 ran 120 min, 1 more longer than 30 min: split it into about 4 tasks, "
            "or a lost node costs all of it",
        ),
    ],
)
def test_the_advice_is_computed_from_what_was_measured(runs: list[float], words: str) -> None:
    event = advise(tally(*runs))
    assert event is not None
    assert (event.reason, event.message, event.warning) == (ADVICE, words, True)


@pytest.mark.parametrize(
    "runs", [[], [1.0] * (ENOUGH - 1), [60.0] * ENOUGH, [1800.0], [1.0] * 19 + [1181.0]]
)
def test_what_is_fine_is_left_alone(runs: list[float]) -> None:
    assert advise(tally(*runs)) is None


def test_both_faults_are_one_event() -> None:
    event = advise(tally(*[1.0] * 100, 1900.0))
    assert event is not None
    assert "group about" in event.message
    assert "split it into about 2 tasks" in event.message
