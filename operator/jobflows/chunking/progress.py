"""Adds up what a run has done, for its report."""

from __future__ import annotations

import time

from jobflows.chunking.choice import Choice
from jobflows.chunking.first import First
from jobflows.chunking.growth import MOST
from jobflows.chunking.hire import Gang
from jobflows.chunking.predict import AT, Prediction, predict
from jobflows.chunking.report import Report
from jobflows.chunking.source import Source
from jobflows.chunking.supply import Batch
from jobflows.chunking.tally import Sums

LOOK_SECONDS = 0.05


class Progress:
    """Of one run. Whoever works tells its sums by `working`; `settle` keeps them for good."""

    def __init__(self) -> None:
        self._source: Source | None = None
        self._began: float | None = None
        self._ended: float | None = None
        self._next = 0.0
        self._past = Sums()
        self._now = Sums()
        self.done = 0
        self.failed = 0
        self.deaths = 0
        self.peak_memory = 0
        self.workers = 1
        self.executor = "serial"
        self.start_method = ""
        self.reasons: list[str] = []
        self._prediction: Prediction | None = None

    @property
    def is_due(self) -> bool:
        """Whether it is time for another look; at most once in `LOOK_SECONDS`."""
        now = time.perf_counter()
        if now < self._next:
            return False
        self._next = now + LOOK_SECONDS
        return True

    def begin(self, source: Source) -> None:
        self._source = source
        self._began = time.perf_counter()

    def end(self) -> None:
        self._ended = time.perf_counter()

    def add(self, batch: Batch) -> None:
        """These results were delivered."""
        self.done += len(batch.values)
        self.failed += batch.failed

    def working(self, sums: Sums, workers: int, most: int = 0) -> None:
        """How it stands with those that work now, and may become more."""
        self._now = sums
        if self._prediction is None and self._source is not None and sums.done:
            total = self._source.total
            items = 0 if total is None else total - self._source.skipped
            all_sums = self._past.plus(sums)
            if items and all_sums.done >= AT * items:
                self._prediction = predict(
                    items=items,
                    done=all_sums.done,
                    busy=all_sums.busy / 1e9,
                    spread=sums.deviation / 1e9,
                    elapsed=self.seconds,
                    workers=workers,
                    most=max(workers, most),
                )

    def by(self, choice: Choice, gang: Gang) -> None:
        """How it stands with a crew."""
        self.executor = "thread" if choice.kind == "crowd" else choice.kind
        self.start_method = "" if choice.kind == "thread" else choice.method
        at_once = gang.at_once
        self.workers = max(self.workers, at_once)
        growing = choice.grow and at_once < MOST
        self.working(gang.sums, max(1, at_once), choice.workers or MOST if growing else 0)

    def settle(self, gang: Gang | First) -> None:
        """Those that worked are done: what they did is the past."""
        self._past = self._past.plus(gang.sums)
        self._now = Sums()
        self.deaths += gang.deaths if not isinstance(gang, First) else 0

    @property
    def sums(self) -> Sums:
        return self._past.plus(self._now)

    @property
    def seconds(self) -> float:
        """Since the run began."""
        if self._began is None:
            return 0.0
        return (self._ended or time.perf_counter()) - self._began

    def report(self) -> Report:
        """How the run stands."""
        sums, source, guess = self.sums, self._source, self._prediction
        return Report(
            items=source.total if source else None,
            done=self.done,
            failed=self.failed,
            skipped=source.skipped if source else 0,
            workers=self.workers,
            executor=self.executor,
            start_method=self.start_method,
            claims=sums.claims,
            claim_items=sums.done / sums.claims if sums.claims else 0.0,
            seconds=self.seconds,
            item_seconds=sums.busy / 1e9,
            longest_item=sums.longest / 1e9,
            cpu_seconds=sums.cpu / 1e9,
            waiting_share=sums.waiting_share if sums.wall else None,
            predicted_seconds=guess.seconds if guess else None,
            predicted_low=guess.low if guess else None,
            predicted_high=guess.high if guess else None,
            predicted_speedup=guess.speedup if guess else None,
            peak_memory=self.peak_memory,
            deaths=self.deaths,
            reasons=tuple(self.reasons),
        )
