"""`ParallelAligner`: features placed on a reference, in batches that suit their size.

A batch goes to one worker; the largest begin first. The reference is inherited by workers, not sent
with each batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from jobflows.chunking.machine.cores import usable_cores
from jobflows.chunking.options import Options
from jobflows.chunking.run import MapRun
from jobflows.parallel.errors import PoolType, checked_count, checked_pool_type
from jobflows.parallel.placement import Feature, letters, place

Align = Callable[[Feature, str], Any]
"""(feature, letters of the reference) -> a result; has to cross processes."""

SIZES = ((1_000, 50, 100), (10_001, 20, 50), (None, 5, 20))
"""Letters below which features are of a size, and the fewest and the most of a batch."""
BATCHES_A_WORKER = 4
"""So many let the load be even, if the features suffice for it."""


class ParallelAligner:
    """`batch_size` None: 50-100 features below 1 kb, 20-50 up to 10 kb, 5-20 above."""

    def __init__(
        self,
        num_workers: int | None = None,
        batch_size: int | None = None,
        pool_type: PoolType = "auto",
    ) -> None:
        self._workers = checked_count("num_workers", num_workers)
        self._batch_size = checked_count("batch_size", batch_size)
        self._pool_type = checked_pool_type(pool_type)

    def align_features(
        self, features: Iterable[Any], reference_seq: Any, align: Align = place
    ) -> list[Any]:
        """What `align` returns for each feature, in their order: by default, `Placement`s.

        A feature is a string, a mapping with `name` and `sequence`, or an object that has them. An
        exception of `align` is raised, with a note that names the features of its batch.
        """
        read = [Feature.of(given, index) for index, given in enumerate(features)]
        for index, feature in enumerate(read):
            if not feature.sequence:
                raise ValueError(f"features[{index}] ({feature.name}) is empty: leave it out")
        reference = letters(reference_seq, "reference_seq")
        batches = self.batches([len(feature.sequence) for feature in read])
        options = Options(
            workers=self._workers,
            executor=self._pool_type,
            cost=lambda batch: sum(len(feature.sequence) for feature in batch),
        )
        work = _AlignBatch(align, reference)
        aligned = MapRun(work, [[read[i] for i in batch] for batch in batches], options).results()
        results: list[Any] = [None] * len(read)
        for batch, values in zip(batches, aligned, strict=True):
            for index, value in zip(batch, values, strict=True):
                results[index] = value
        return results

    def batches(self, lengths: Sequence[int]) -> list[list[int]]:
        """Which features go together, as indices, from the lengths of their sequences."""
        if self._batch_size is not None:
            return _cut(list(range(len(lengths))), self._batch_size)
        workers = self._workers or usable_cores()
        found: list[list[int]] = []
        below = 0
        for limit, fewest, most in SIZES:
            alike = [
                i
                for i, length in enumerate(lengths)
                if length >= below and (limit is None or length < limit)
            ]
            even = len(alike) // (workers * BATCHES_A_WORKER)
            found += _cut(alike, max(fewest, min(most, even)))
            below = limit or below
        return found


@dataclass(frozen=True, slots=True)
class _AlignBatch:
    align: Align
    reference: str

    def __call__(self, batch: Sequence[Feature]) -> list[Any]:
        return [self.align(feature, self.reference) for feature in batch]


def _cut(indices: list[int], size: int) -> list[list[int]]:
    return [indices[at : at + size] for at in range(0, len(indices), size)]
