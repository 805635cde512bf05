"""What pages and commands ask of an archive."""

from __future__ import annotations

from base64 import urlsafe_b64encode

import pytest

from jobflows.archive import (
    Archive,
    ArchiveError,
    AttemptFilter,
    ErrorFilter,
    FlowFilter,
    KindFilter,
    attempts,
    document,
    errors,
    find_flow,
    flows,
    kinds,
    summary,
    usage,
)
from unit.archive.samples import START, attempt, failed, flow, kind

MI = 1 << 20


def _all_pages(archive: Archive, limit: int) -> list[str]:
    found: list[str] = []
    after = None
    while True:
        with archive.reading() as connection:
            page = flows(connection, after=after, limit=limit)
        found += [each.id for each in page.items]
        assert len(page.items) == limit or page.next is None
        if page.next is None:
            return found
        after = page.next


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 50])
def test_pages_together_have_each_flow_once_the_newest_first(archive: Archive, limit: int) -> None:
    made = [flow(f"f{n}", created=START + n // 2) for n in range(7)]  # two share each second
    archive.write(made)
    assert _all_pages(archive, limit) == ["f6", "f5", "f4", "f3", "f2", "f1", "f0"]


def test_a_flow_that_comes_in_between_moves_no_other(archive: Archive) -> None:
    archive.write([flow(f"f{n}", created=START + n) for n in range(4)])
    with archive.reading() as connection:
        first = flows(connection, limit=2)
    archive.write([flow("new", created=START + 9)])
    with archive.reading() as connection:
        second = flows(connection, after=first.next, limit=2)
    assert [each.id for each in second.items] == ["f1", "f0"]


def written(text: str) -> str:
    return urlsafe_b64encode(text.encode()).decode()


SPOILT = (
    *("", "!", "bnVsbA", "W10", "WzEsMl0x", "é"),
    *map(
        written,
        [
            *('["a","b"]', "[1,2]", '[true,"b"]', '[null,"b"]', '[1,"b","c"]', '{"1":"b"}'),
            *('[1e999,"b"]', '[NaN,"b"]', f'[{"9" * 40},"b"]', r'[1,"\u0000"]', r'[1,"\ud800"]'),
            "[" * 100_000,
        ],
    ),
)


@pytest.mark.parametrize("cursor", SPOILT, ids=range(len(SPOILT)))
def test_a_spoilt_cursor_is_an_error_with_the_cure(archive: Archive, cursor: str) -> None:
    with (
        archive.reading() as connection,
        pytest.raises(ArchiveError, match="cursor"),
    ):
        flows(connection, after=cursor)


def test_flows_are_filtered(archive: Archive) -> None:
    archive.write(
        [
            flow("f1", created=START),
            flow("f2", created=START + 10, phase="Failed", created_by="bo"),
            flow("f3", created=START + 20, namespace="other", created_by="ada"),
        ]
    )
    asked = {
        "phase": FlowFilter(phase="Failed"),
        "namespaces": FlowFilter(namespaces={"other"}),
        "none": FlowFilter(namespaces=()),
        "times": FlowFilter(since=START + 10, until=START + 20),
        "user": FlowFilter(created_by="ada"),
    }
    with archive.reading() as connection:
        found = {
            name: [each.id for each in flows(connection, where).items]
            for name, where in asked.items()
        }
        assert find_flow(connection, "etl-f1", namespace="other") is None
    one = {"phase": ["f2"], "namespaces": ["f3"], "times": ["f2"], "user": ["f3"]}
    assert found == one | {"none": []}


def test_attempts_of_a_flow_come_by_step_number_and_task(archive: Archive) -> None:
    archive.write(
        [
            attempt(step="b"),
            attempt(step="a", attempt=2),
            *(attempt(step="a", task=n) for n in (10, 9)),
            attempt(flow_id="f2"),
        ]
    )
    with archive.reading() as connection:
        first = attempts(connection, AttemptFilter(flow_id="f1"), limit=3)
        second = attempts(connection, AttemptFilter(flow_id="f1"), after=first.next)
        newest = attempts(connection, AttemptFilter(namespaces={"lab"}), limit=2)
        nobodys = attempts(connection, AttemptFilter(namespaces={"other"}))
    found = [(each.step, each.attempt, each.task) for each in first.items + second.items]
    assert found == [("a", 1, 9), ("a", 1, 10), ("a", 2, -1), ("b", 1, -1)]
    assert len(newest.items) == 2
    assert newest.next is not None
    assert nobodys.items == []


def test_the_same_failure_of_many_is_one_line(archive: Archive) -> None:
    archive.write(
        [
            *(
                failed(f"row {n} is bad", flow_id=f"f{n % 2}", attempt=n, finished=START + n)
                for n in range(1, 6)
            ),
            failed("no space left", attempt=9, kind=kind(namespace="other")),
            attempt(attempt=10),
        ]
    )
    with archive.reading() as connection:
        many, one = errors(connection).items
        rest = errors(connection, after=errors(connection, limit=1).next)
        mine = errors(connection, ErrorFilter(namespaces={"other"}))
        late = errors(connection, ErrorFilter(since=START + 4, until=START + 6))
    assert (many.pattern, many.count, many.flows) == ("row <n> is bad", 5, 2)
    assert (many.sample, many.first, many.last) == ("row 1 is bad", START + 1, START + 5)
    assert rest.items == [one]
    assert mine.items == [one]
    assert [each.count for each in late.items] == [2]


def test_a_programs_failure_is_told_by_the_last_line_of_its_log(archive: Archive) -> None:
    archive.write(
        [
            failed(attempt=1, log_tail="x\nKeyError: 'a'\n"),
            failed(attempt=2, log_tail="KeyError: 'a'"),
        ]
    )
    with archive.reading() as connection:
        (found,) = errors(connection).items
    assert (found.pattern, found.count) == ("KeyError: 'a'", 2)


def test_usage_counts_tasks_of_all_flows_and_what_was_cut_short(archive: Archive) -> None:
    needs = [100 * MI + n * MI for n in range(20)]
    archive.write(
        [
            *(attempt(flow_id=f"f{n}", peak_memory=need) for n, need in enumerate(needs)),
            failed("", flow_id="oom", cause="OutOfMemory", memory=128 * MI, peak_memory=128 * MI),
            attempt(flow_id="unmeasured"),
            attempt(flow_id="else", kind=kind("other"), peak_memory=9),
        ]
    )
    with archive.reading() as connection:
        found = usage(connection, kind().id)
    assert (found.name, found.tasks, found.out_of_memory) == ("fit", 22, 1)
    assert (len(found.memory.seen), found.memory.cut) == (20, (128.0 * MI,))
    assert found.memory.percentile(50) == 110 * MI
    assert found.memory.percentile(99) is None
    assert found.cores.percentile(50) is None


def test_usage_of_nothing_is_unknown(archive: Archive) -> None:
    with archive.reading() as connection:
        found = usage(connection, "nobody")
    assert (found.tasks, found.memory.percentile(50)) == (0, None)


def test_kinds_and_days_are_listed(archive: Archive) -> None:
    archive.write(
        [
            flow("f1", created=86_400.0 * 3),
            flow("f2", created=86_400.0 * 4 - 1, phase="Failed"),
            flow("f3", created=86_400.0 * 4),
            attempt(kind=kind("other", family="zoo")),
        ]
    )
    with archive.reading() as connection:
        assert [each.name for each in kinds(connection).items] == ["fit", "other"]
        assert [each.name for each in kinds(connection, KindFilter(family="zoo")).items] == [
            "other"
        ]
        found = summary(connection, since=0, until=86_400.0 * 9)
        assert document(connection, "f1") is not None
        assert document(connection, "nobody") is None
    assert [(each.day, each.phase, each.count) for each in found] == [
        (86_400.0 * 3, "Failed", 1),
        (86_400.0 * 3, "Running", 1),
        (86_400.0 * 4, "Running", 1),
    ]
