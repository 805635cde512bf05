"""Some worlds of the simulation, and each planted bug once: `make simulate` has thousands."""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from simulation.bugs import BUGS
from simulation.crowd import Report, play_one
from simulation.features import ALL
from simulation.hunt import track
from simulation.invariants import RULES
from simulation.playing import play
from simulation.report import show_failure

SEEDS = (*range(16), 28, 746, 1407, 1689, 1697, 3557, 3829, 7215, 7264)
"""Some worlds, and those in which a bug was found for which it is hard to lay the scene by hand."""
SEARCHED = 300
"""Worlds in which a planted bug has to be found, from the one that found it when it was planted."""


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Thousands of warnings are part of the worlds; what other tests left behind is not."""
    gc.collect()  # asyncio logs an error of a task that nobody awaited when it is thrown away
    log = logging.getLogger("jobflows")
    level = log.level
    log.setLevel(logging.ERROR)
    yield
    log.setLevel(level)


@pytest.mark.parametrize("seed", SEEDS)
def test_no_rule_is_broken(seed: int) -> None:
    assert not play(seed).breaches


@pytest.mark.parametrize("number", range(len(BUGS)), ids=[bug.words for bug in BUGS])
def test_a_planted_bug_is_seen(number: int) -> None:
    first = BUGS[number].seed
    trail = track(number, range(first, first + SEARCHED))
    assert trail.seed is not None


def test_every_rule_sees_a_bug() -> None:
    assert {rule.name for rule in RULES} == {bug.rule for bug in BUGS}
    assert all(rule.__doc__ for rule in RULES)


def test_the_page_lists_every_planted_bug() -> None:
    page = (Path(__file__).parents[3] / "docs/benchmarks/simulation.md").read_text()
    rows = [f"| `{bug.rule}` | {bug.words} | {bug.seed} |" for bug in BUGS]
    assert [row for row in rows if row not in page] == []


def test_a_seed_plays_the_same_again() -> None:
    one, other = play(3, traced=True), play(3, traced=True)
    assert one.digest == other.digest
    assert one.trace is not None
    assert other.trace is not None
    assert one.trace.lines == other.trace.lines


def test_a_failing_seed_says_what_happened_and_how_to_play_it_again(
    capsys: pytest.CaptureFixture[str],
) -> None:
    number = next(i for i, bug in enumerate(BUGS) if bug.rule == "one-live-job")
    trail = track(number, range(BUGS[number].seed, SEARCHED))
    assert trail.seed is not None
    with BUGS[number].planted():
        failure = play_one(trail.seed)
        show_failure(failure, ("ttl",))
    told = capsys.readouterr().out
    assert f"make simulate SEEDS=1 FIRST={trail.seed}" in told
    assert told.count("make simulate") == 1
    assert "one-live-job" in told
    assert "made (by operator" in told


def test_the_summary_counts_what_was_in_the_worlds() -> None:
    report = Report()
    report.add([play_one(seed) for seed in range(3)])
    assert report.worlds == 3
    assert report.count["flows"] >= 3
    assert report.count["calls"] > 0
    assert set(report.features) <= set(ALL)
    assert report.seconds > 3 * 60
