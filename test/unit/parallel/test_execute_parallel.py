"""A function over items, and how memory bounds it."""

from __future__ import annotations

from typing import Any

import pytest

from jobflows.parallel import execute_parallel, in_batches, workers_that_fit
from unit.parallel.tasks import broken, square, where


@pytest.mark.parametrize("pool", ["auto", "process", "thread"])
def test_results_are_in_the_order_of_the_items(pool: Any) -> None:
    assert execute_parallel(square, range(100), 2, pool) == [i * i for i in range(100)]
    assert execute_parallel(square, (i for i in range(9)), 2, pool) == [i * i for i in range(9)]
    assert execute_parallel(square, [], 2, pool) == []


def test_an_exception_is_raised_with_its_item() -> None:
    with pytest.raises(ValueError, match="a bad row") as raised:
        execute_parallel(broken, ["x", "y"], 2, "process")
    assert "raised for item" in "".join(raised.value.__notes__)


def test_memory_bounds_the_workers() -> None:
    assert workers_that_fit(100, num_workers=8, available=350) == 3
    assert workers_that_fit(100, num_workers=2, available=350) == 2
    assert workers_that_fit(100, num_workers=8, available=50) == 1
    found = execute_parallel(where, range(50), 4, "process", memory_per_task=1 << 60)
    assert len(set(found)) == 1


def test_batches_are_read_as_they_are_asked_for() -> None:
    read = []
    batches = in_batches((read.append(i) or i for i in range(7)), 3)  # type: ignore[func-returns-value]
    assert next(batches) == [0, 1, 2]
    assert read == [0, 1, 2]
    assert list(batches) == [[3, 4, 5], [6]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_workers": 0}, "num_workers is 0"),
        ({"num_workers": True}, "num_workers is True"),
        ({"pool_type": "greenlet"}, "pool_type is 'greenlet': give one of auto, process, thread"),
        ({"memory_per_task": 0}, "memory_per_task is 0"),
    ],
)
def test_wrong_arguments_are_named(arguments: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        execute_parallel(square, [1], **arguments)
