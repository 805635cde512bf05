"""What is kept of the Jobs of arrays."""

from __future__ import annotations

from jobflows.controller.batches import Batches
from jobflows.engine import Cause
from jobflows.manifests import labels
from jobflows.manifests.observe_batch import Evidence
from jobflows.manifests.records import JobRecord
from unit.controller.objects import condition, job_record

NOW = 1_767_225_700.0
BOTH = {labels.TASKS: "0-1"}


def over(*, failed: str = "") -> JobRecord:
    counted = {"completedIndexes": "0"} | ({"failedIndexes": failed} if failed else {})
    return job_record(
        annotations=BOTH,
        conditions=(condition("Failed" if failed else "Complete"),),
        spec={"completions": 2, "completionMode": "Indexed"},
        status=counted,
    )


def test_a_batch_that_is_over_is_read_once() -> None:
    batches, job = Batches(), over()
    assert batches.observe(1, job, NOW) is batches.observe(1, job, NOW + 60)
    assert batches.observe(1, over(), NOW) is not batches.observe(1, job, NOW)


def test_a_batch_that_runs_is_read_anew() -> None:
    batches = Batches()
    job = job_record(annotations=BOTH, spec={"completions": 2, "completionMode": "Indexed"})
    assert batches.observe(1, job, NOW) is not batches.observe(1, job, NOW)


def test_what_pods_tell_later_changes_what_was_read() -> None:
    batches, job = Batches(), over(failed="1")
    before = batches.observe(1, job, NOW)
    guessed, known = (Evidence(Cause.APPLICATION, "Error", words) for words in ("gone", "no space"))
    batches.explain(job, {1: guessed})
    between = batches.observe(1, job, NOW)
    batches.explain(job, {1: known})
    after = batches.observe(1, job, NOW)
    assert before != between != after
    assert "no space" in str(after)
