"""How sure a percentile is, whatever the values are distributed like."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobflows.usage import POINTS, Samples


def test_the_interval_of_a_median_has_the_ranks_of_the_tables() -> None:
    # Order statistics of 20 values: ranks 6 and 15 enclose the median with 95.9 %.
    assert Samples(tuple(range(1, 21))).interval(50) == (6, 15)


def test_few_values_do_not_say_where_a_high_percentile_ends() -> None:
    low, high = Samples(tuple(range(1, 51))).interval(99)
    assert low is not None
    assert high is None


def test_nothing_measured_says_nothing() -> None:
    assert Samples().interval(95) == (None, None)


def test_what_was_cut_short_may_be_as_large_as_it_likes() -> None:
    seen = tuple(float(n) for n in range(1, 91))
    assert Samples(seen, (5.0,) * 10).interval(95)[1] is None
    assert Samples(seen).interval(50) <= Samples(seen, (100.0,) * 10).interval(50)


@pytest.mark.parametrize("point", POINTS)
def test_intervals_hold_the_true_percentile_as_often_as_they_say(point: int) -> None:
    rng = random.Random(point)
    held = 0
    for _ in range(400):
        low, high = Samples(tuple(rng.random() for _ in range(60))).interval(point)
        held += (low or 0.0) <= point / 100 <= (1.0 if high is None else high)
    assert held / 400 >= 0.93  # 0.95, and what chance may take from it


@given(
    st.lists(st.floats(0, 1e12), min_size=1, max_size=80),
    st.lists(st.floats(0, 1e12), max_size=20),
    st.sampled_from(POINTS),
)
def test_a_percentile_lies_in_its_interval(seen: list[float], cut: list[float], point: int) -> None:
    samples = Samples(tuple(seen), tuple(cut) if max(cut, default=0) < min(seen) else ())
    value, (low, high) = samples.percentile(point), samples.interval(point)
    if value is not None:
        assert low is None or low <= value
        assert high is None or value <= high
