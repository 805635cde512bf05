"""What happened to a flow, told by its times."""

from __future__ import annotations

from dataclasses import replace

from starlette.testclient import TestClient

from jobflows.archive import Archive, flow, runs, steps
from jobflows.web.history import MOST, history


def test_the_newest_comes_first_and_the_rest_is_counted(archive: Archive) -> None:
    with archive.reading() as connection:
        info = flow(connection, "nightly-uid-3")
        known = (runs(connection, "nightly-uid-3"), steps(connection, "nightly-uid-3"))
    assert info is not None
    told = history(replace(info, created_by="ada", deleted=info.created + 9e5), *known)
    assert [(each.step, each.what, each.phase) for each in told.items] == [
        ("", "deleted from the cluster", ""),
        ("", "the flow ended", "Failed"),
        ("score", "was skipped", "Skipped"),
        ("train", "ended", "Failed"),
        ("train", "began", ""),
        ("load", "ended", "Succeeded"),
        ("load", "began", ""),
        ("", "the flow began", ""),
        ("", "created by ada", ""),
    ]
    many = [replace(known[1][0], step=f"s-{n}") for n in range(100)]
    long = history(info, known[0], many)
    assert (len(long.items), long.hidden) == (MOST, 203 - MOST)


def test_a_flow_ends_after_its_steps_though_it_be_in_the_same_moment(archive: Archive) -> None:
    with archive.reading() as connection:
        info = flow(connection, "nightly-uid-3")
        known = (runs(connection, "nightly-uid-3"), steps(connection, "nightly-uid-3"))
    assert info is not None
    at = info.created
    told = history(
        info,
        [replace(each, started=at, finished=at) for each in known[0]],
        [replace(each, started=at, finished=at) for each in known[1]],
    )
    assert [f"{each.step} {each.what}".strip() for each in reversed(told.items)] == [
        *("created", "the flow began"),
        *("load began", "load ended", "train began", "train ended", "score began", "score ended"),
        "the flow ended",
    ]


def test_the_page_of_a_flow_tells_it(client: TestClient) -> None:
    page = client.get("/flows/nightly-uid-3").text
    assert "What happened" in page
    assert "was skipped" in page
