"""Where features lie, against an aligner that is slow and plain; and how they are batched."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobflows.parallel import Feature, ParallelAligner, Placement, place
from unit.parallel.tasks import lengths

letters = st.text("ACG", max_size=12)


def _distance(a: str, b: str) -> int:
    """Levenshtein's, by the textbook."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        before, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (x != y))
    return row[-1]


@given(letters.filter(bool), letters)
def test_no_other_place_needs_fewer_edits(sequence: str, reference: str) -> None:
    found = place(Feature("f", sequence), reference)
    ends = range(len(reference) + 1)
    best = min((_distance(sequence, reference[i:j]), j, j - i) for j in ends for i in range(j + 1))
    assert (found.edits, found.end, found.end - found.position) == best
    assert found.score == 1 - found.edits / len(sequence)


def test_a_long_feature_is_found_with_its_errors() -> None:
    reference = "".join(random.Random(3).choices("ACGT", k=5_000))
    part = reference[2_000:3_100]
    damaged = part[:300] + "T" + part[300:700] + part[702:]
    found = place(Feature("f", damaged), reference)
    assert found.position == 2_000
    assert found.end == 3_100
    assert found.edits <= 3


def test_features_are_strings_mappings_or_objects() -> None:
    given = [
        "ACGT",
        {"name": "second", "sequence": "GGTTA"},
        SimpleNamespace(id="third", seq="AGGTT"),
        Feature("fourth", "TTT"),
    ]
    found = ParallelAligner(num_workers=2).align_features(given, "TTACGTAGGTAA")
    assert found == [
        Placement("0", 2, 6, 0, 1.0),
        Placement("second", 7, 11, 1, 0.8),
        Placement("third", 6, 10, 1, 0.8),
        Placement("fourth", 0, 2, 1, 1 - 1 / 3),
    ]


@pytest.mark.parametrize("pool", ["process", "thread"])
def test_an_aligner_of_ones_own_is_called_with_feature_and_reference(pool: Any) -> None:
    features = [{"name": f"f{i}", "sequence": "A" * (1 + i % 3)} for i in range(25)]
    aligner = ParallelAligner(num_workers=2, batch_size=4, pool_type=pool)
    found = aligner.align_features(features, "ACGT", align=lengths)
    assert found == [(f"f{i}", 1 + i % 3, 4) for i in range(25)]


@pytest.mark.parametrize(
    ("length", "count", "size"),
    [
        (999, 10_000, 100),
        (999, 600, 75),
        (999, 100, 50),
        (1_000, 10_000, 50),
        (10_000, 100, 20),
        (10_001, 10_000, 20),
        (50_000, 30, 5),
    ],
)
def test_batches_suit_the_size_of_features(length: int, count: int, size: int) -> None:
    batches = ParallelAligner(num_workers=2).batches([length] * count)
    assert len(batches[0]) == size
    assert [i for batch in batches for i in batch] == list(range(count))


@given(st.lists(st.integers(1, 30_000), max_size=300), st.none() | st.integers(1, 60))
def test_every_feature_is_in_one_batch(sizes: list[int], batch_size: int | None) -> None:
    batches = ParallelAligner(num_workers=2, batch_size=batch_size).batches(sizes)
    assert sorted(i for batch in batches for i in batch) == list(range(len(sizes)))
    assert max(map(len, batches), default=0) <= (batch_size or 100)


@pytest.mark.parametrize(
    ("features", "reference", "error", "message"),
    [
        ([5], "A", TypeError, r"features\[0\] has no sequence: give a string, a mapping"),
        (["A", {"name": "x"}], "A", TypeError, r"features\[1\] has no sequence"),
        ([{"name": "x", "sequence": ""}], "A", ValueError, r"features\[0\] \(x\) is empty"),
        (["A"], None, TypeError, "reference_seq has no sequence"),
        (["A"], b"ACGT", TypeError, "reference_seq has no sequence"),
    ],
)
def test_what_is_no_sequence_is_named(
    features: list[Any], reference: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        ParallelAligner().align_features(features, reference)


def test_no_features_have_no_results() -> None:
    assert ParallelAligner().align_features([], "ACGT") == []
