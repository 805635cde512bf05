"""Whatever order facts come in, and however often: the rows are the same."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from jobflows.archive import Archive, Fact, GoneFact, Known, flows, log_tail, runs, steps
from jobflows.archive import attempt as find_attempt
from unit.archive.rows import all_rows
from unit.archive.samples import START, attempt, failed, flow

FACTS: list[Fact] = [
    flow(version=1),
    flow(version=5, phase="Failed", finished=START + 60, completed=1),
    flow(version=8, run=2),
    flow(version=9, run=2, phase="Succeeded", finished=START + 99, completed=1),
    flow("f2", version=3),
    GoneFact("f2", START + 500.0),
    attempt(phase="Running", version=Known.RUNNING.at(2), exit_code=None, finished=None),
    failed("", version=Known.STATUS.at(9), finished=None),
    failed("no luck", version=Known.POD.at(4), pod="a", node="n1", memory=1 << 30),
    failed("no luck", version=Known.POD_AND_LOG.at(3), log_tail="trace\nValueError: 7\n"),
    failed("no luck", version=Known.POD.at(6), peak_memory=5, cpu_seconds=0.5),
    failed("", version=Known.RUNNING.at(1), peak_memory=9, cpu_seconds=0.25, phase="Running"),
    failed("", attempt=2, cause="OutOfMemory", reason="OOMKilled", version=Known.POD.at(7)),
    attempt(attempt=3, version=Known.POD.at(8)),
    *(failed(f"lost node-{n}", step="many", task=n, cause="Disruption") for n in range(3)),
]


GONE = [each for each in FACTS if isinstance(each, GoneFact)]


@settings(max_examples=10)
@given(
    order=st.permutations(FACTS + FACTS[::2]),
    cuts=st.lists(st.integers(0, len(FACTS)), max_size=6),
)
def test_facts_in_any_order_and_twice_give_the_same_rows(
    empty: Path, order: list[Fact], cuts: list[int]
) -> None:
    with copied(empty) as expected, copied(empty) as found:
        expected.write(FACTS)
        bounds = [0, *sorted(cuts), len(order)]
        for start, end in pairwise(bounds):
            found.write(order[start:end])
        found.write(GONE)  # a flow that was never seen cannot be gone
        assert all_rows(found) == all_rows(expected)


@contextmanager
def copied(file: Path) -> Iterator[Archive]:
    with TemporaryDirectory() as folder:
        copy = Path(folder) / "archive.db"
        shutil.copyfile(file, copy)
        with Archive.open(f"sqlite:///{copy}") as archive:
            yield archive


def test_who_knows_more_of_an_attempt_is_believed_even_if_it_comes_first(archive: Archive) -> None:
    archive.write([failed("killed", version=Known.POD_AND_LOG.at(3), log_tail="a\nb\n", pod="p")])
    archive.write([failed("", reason="", version=Known.STATUS.at(99), started=None)])
    with archive.reading() as connection:
        found = find_attempt(connection, "f1", "fit", 1)
        assert found is not None
        assert (found.message, found.pod, found.seconds) == ("killed", "p", 10.0)
        assert log_tail(connection, "f1", "fit", 1) == "a\nb\n"


def test_what_was_measured_only_grows_and_is_unknown_until_then(archive: Archive) -> None:
    seen = []
    for peak in (None, 300, None, 200, 400):
        archive.write([replace(attempt(), peak_memory=peak)])
        with archive.reading() as connection:
            found = find_attempt(connection, "f1", "fit", 1)
            assert found is not None
            seen.append(found.peak_memory)
    assert seen == [None, 300, 300, 300, 400]


def test_an_older_status_does_not_bring_a_flow_back(archive: Archive) -> None:
    archive.write([flow(version=9, phase="Succeeded", finished=START + 5)])
    archive.write([flow(version=4)])
    with archive.reading() as connection:
        (found,) = flows(connection).items
    assert (found.phase, found.finished) == ("Succeeded", START + 5)


def test_a_resume_keeps_the_run_before_it(archive: Archive) -> None:
    archive.write([flow(version=5, phase="Failed", finished=START + 60), flow(version=8, run=2)])
    with archive.reading() as connection:
        assert [(each.run, each.phase) for each in runs(connection, "f1")] == [
            (2, "Running"),
            (1, "Failed"),
        ]
        assert [each.run for each in steps(connection, "f1")] == [2]
        assert [each.run for each in steps(connection, "f1", run=1)] == [1]
