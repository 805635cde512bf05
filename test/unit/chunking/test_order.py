"""The order in which items are worked on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobflows.chunking.order import SAMPLE, SAMPLED_AT_LEAST, evenly, sample_first, spread


@given(st.integers(1, 5000), st.integers(0, 100))
def test_each_item_has_one_position(count: int, first: int) -> None:
    order = spread(first, count)
    assert sorted(order.indices(0, count)) == list(range(first, first + count))
    assert [order.index(at) for at in range(count)] == list(order.indices(0, count))


@given(st.integers(1, 5000), st.data())
def test_a_claim_is_a_part_of_the_whole(count: int, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, count - 1))
    end = data.draw(st.integers(start + 1, count))
    order = spread(0, count)
    assert list(order.indices(start, end)) == list(order.indices(0, count))[start:end]


@given(st.lists(st.integers(), max_size=300))
def test_a_list_keeps_its_items(indices: list[int]) -> None:
    assert sorted(evenly(indices)) == sorted(indices)


@pytest.mark.parametrize("count", [100, 300, 2_000, 100_000])
@pytest.mark.parametrize("part", [0.5, 0.7, 0.9, 1.0])
@pytest.mark.parametrize("grows", ["evenly", "at the end"])
def test_any_part_of_the_sample_is_like_the_whole(count: int, part: float, grows: str) -> None:
    """Where items grow from the first to the last, as files sorted by size do."""
    power = 1 if grows == "evenly" else 4
    lengths = [(at / count) ** power for at in range(count)]
    assert count >= SAMPLED_AT_LEAST
    sample = [index for block in sample_first(count) for index in block][: int(count * SAMPLE)]
    seen = sample[: round(part * len(sample))]
    mean = sum(lengths) / count
    # The steeper they grow, the more depends on the few at the end.
    off = 0.35 if grows == "at the end" else 0.2
    assert sum(lengths[index] for index in seen) / len(seen) == pytest.approx(mean, rel=off)
