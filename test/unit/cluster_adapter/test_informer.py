"""The informer over a scripted server on virtual time: lists, cuts, 410, errors, silence."""

from __future__ import annotations

import pytest

from jobflows.cluster import JOBS, TimeTravelError, WatchRefused
from unit.cluster_adapter.scripted import (
    LOST,
    Job,
    Line,
    ScriptedTransport,
    bookmark,
    follow,
    line,
    obj,
    page,
    refusal,
    status_body,
)

GONE = line("ERROR", status_body(410, "Expired"))
BROKEN = line("ERROR", status_body(500, "InternalError"))


def test_a_list_is_read_in_pages_and_then_watched_from_its_version() -> None:
    transport = ScriptedTransport(page(7, obj("a", 3), more="next"), page(7, obj("b", 5)))
    informer, changes = follow(transport, 30, page_size=1, label_selector="app=x")
    assert changes == ["+a@3", "+b@5"]
    assert transport.kinds[:3] == ["list", "list", "watch@7"]
    first, second, watch = transport.requests[:3]
    assert first.query == {"labelSelector": "app=x", "limit": "1"}
    assert second.query["continue"] == "next"
    assert watch.query["allowWatchBookmarks"] == "true"
    assert 240 <= int(watch.query["timeoutSeconds"]) <= 480
    assert informer.synced.is_set()
    assert informer.get("default", "b") is not None
    assert (len(informer), informer.resource_version) == (2, 7)


def test_events_change_the_store_and_bookmarks_its_version() -> None:
    first, second = line("ADDED", obj("b", 8)), line("DELETED", obj("a", 9))
    events: list[Line] = [first, second, bookmark(20), 60.0]
    transport = ScriptedTransport(page(7, obj("a", 3)), watches=[events])
    informer, changes = follow(transport)
    assert changes == ["+a@3", "+b@8", "-a@3"]
    assert informer.resource_version == 20
    assert (informer.stats.events, informer.stats.bookmarks) == (2, 1)


def test_a_cut_stream_resumes_at_the_last_version_without_a_list() -> None:
    transport = ScriptedTransport(
        page(7), watches=[[line("ADDED", obj("a", 8)), LOST], [line("MODIFIED", obj("a", 9)), 60.0]]
    )
    _, changes = follow(transport)
    assert changes == ["+a@8", "~a@9"]
    assert transport.kinds == ["list", "watch@7", "watch@8"]


def test_one_that_relists_takes_up_no_cut_stream() -> None:
    transport = ScriptedTransport(
        page(7, obj("a", 3)), page(9, obj("b", 9)), watches=[[LOST], [60.0]]
    )
    _, changes = follow(transport, relists=True)
    assert changes == ["+a@3", "+b@9", "-a@3"]
    assert transport.kinds == ["list", "watch@7", "list", "watch@9"]


def test_the_pause_after_trouble_is_bounded() -> None:
    transport = ScriptedTransport(page(7), watches=[[LOST]] * 40)
    follow(transport, 60, longest_pause=0.5)
    assert transport.kinds.count("watch@7") > 40


def test_an_orderly_end_resumes_at_once() -> None:
    transport = ScriptedTransport(page(7), watches=[[bookmark(9)], [60.0]])
    follow(transport)
    assert transport.kinds == ["list", "watch@7", "watch@9"]
    assert transport.times[2] == transport.times[1]


@pytest.mark.parametrize("gone", [GONE, WatchRefused(refusal(410, "Expired"))])
def test_410_lists_again_and_reports_what_was_deleted_in_the_gap(gone: bytes | Exception) -> None:
    transport = ScriptedTransport(
        page(7, obj("a", 3), obj("b", 4), obj("c", 5)),
        page(30, obj("b", 4), obj("c", 25), obj("d", 26)),
        watches=[[gone], [60.0]],
    )
    informer, changes = follow(transport)
    assert changes[3:] == ["~c@25", "+d@26", "-a@3"]
    assert transport.kinds == ["list", "watch@7", "list", "watch@30"]
    assert transport.times[2] == 0.0, "the first 410 does not wait"
    assert informer.stats.synthetic_deletes == 1


def test_an_object_made_anew_in_the_gap_is_deleted_and_added() -> None:
    transport = ScriptedTransport(
        page(7, obj("a", 3)), page(30, obj("a", 20, uid="second")), watches=[[GONE], [60.0]]
    )
    _, changes = follow(transport)
    assert changes == ["+a@3", "-a@3", "+a@20"]


def test_a_continue_token_that_has_expired_starts_the_list_again() -> None:
    transport = ScriptedTransport(
        page(7, obj("a", 3), more="next"), refusal(410, "Expired"), page(9, obj("b", 8))
    )
    _, changes = follow(transport)
    assert changes == ["+a@3", "+b@8", "-a@3"]


def test_410_for_ever_is_asked_less_and_less_often() -> None:
    answers = [page(7) for _ in range(500)]
    transport = ScriptedTransport(*answers, watches=[[GONE] for _ in range(500)])
    follow(transport, 600)
    assert 20 < transport.kinds.count("list") < 80


def test_another_error_in_the_stream_resumes_after_a_pause() -> None:
    transport = ScriptedTransport(page(7), watches=[[bookmark(8), BROKEN], [60.0]])
    informer, _ = follow(transport)
    assert transport.kinds == ["list", "watch@7", "watch@8"]
    assert transport.times[2] > transport.times[1]
    assert informer.stats.errors == 1


def test_an_error_that_stays_leads_to_a_list() -> None:
    transport = ScriptedTransport(page(7), page(9), watches=[[BROKEN], [BROKEN], [BROKEN], [60.0]])
    follow(transport)
    assert transport.kinds == ["list", "watch@7", "watch@7", "watch@7", "list", "watch@9"]


def test_an_unreachable_server_is_tried_on_without_listing_again() -> None:
    cuts: list[list[Line]] = [[LOST] for _ in range(8)]
    transport = ScriptedTransport(page(7), watches=[*cuts, [60.0]])
    follow(transport, 300)
    assert transport.kinds == ["list"] + ["watch@7"] * 9 + transport.kinds[10:]
    assert transport.times[9] > 1.0


def test_a_refused_watch_waits_as_long_as_the_server_asks() -> None:
    busy = WatchRefused(refusal(429, "TooManyRequests", retry_after=12.0))
    transport = ScriptedTransport(page(7), watches=[[busy], [60.0]])
    follow(transport)
    assert transport.times[2] >= 12.0


def test_a_malformed_line_is_counted_and_leads_to_a_list() -> None:
    transport = ScriptedTransport(page(7), page(9), watches=[[b'{"type":"ADDED","obj'], [60.0]])
    informer, _ = follow(transport)
    assert transport.kinds == ["list", "watch@7", "list", "watch@9"]
    assert informer.stats.malformed == 1


def test_an_unreadable_object_hides_no_other_and_is_not_taken_for_deleted() -> None:
    bad = obj("a", 12, succeeded="many")
    transport = ScriptedTransport(
        page(7, obj("a", 3), obj("b", 4)),
        page(20, bad, obj("b", 15)),
        watches=[
            [line("MODIFIED", bad), GONE],
            [line("DELETED", obj("a", 21, succeeded="x")), 60.0],
        ],
    )
    informer, changes = follow(transport)
    assert changes == ["+a@3", "+b@4", "~b@15", "-a@3"]
    assert informer.stats.unreadable == 3
    assert informer.resource_version == 21


def test_a_silent_watch_is_cut_and_resumed() -> None:
    transport = ScriptedTransport(page(7), watches=[[bookmark(9), 60.0, bookmark(10), 1e6], [60.0]])
    follow(transport, 135)
    assert transport.kinds == ["list", "watch@7", "watch@10"]
    assert 130.0 <= transport.times[2] <= 131.0, "70 s after the last sign of life"


def test_a_list_older_than_what_was_seen_is_not_believed_and_at_last_fatal() -> None:
    answers = [page(7, obj("a", 3)), *(page(2) for _ in range(9))]
    transport = ScriptedTransport(*answers, watches=[[GONE]])
    with pytest.raises(TimeTravelError, match="version 2 after version 7"):
        follow(transport, 300)


def test_an_object_that_left_the_selection_is_not_taken_back_from_an_answer() -> None:
    def mine(what: Job) -> bool:
        return what.metadata.name == "a"

    transport = ScriptedTransport(page(7), watches=[[60.0]])
    informer, _ = follow(transport, selects=mine)
    other = informer.decode(_json("b", 9))
    assert not informer.observe(other)
    assert informer.observe(informer.decode(_json("a", 9)))
    assert [known.metadata.name for known in informer.values()] == ["a"]
    assert informer.resource == JOBS


def _json(name: str, version: int) -> bytes:
    body = page(0, obj(name, version)).body
    return body[body.index(b"[") + 1 : body.rindex(b"]")]


def test_the_age_of_the_last_event_is_infinite_before_the_first_list() -> None:
    silent = ScriptedTransport(LOST, LOST, LOST, LOST, LOST)
    informer, _ = follow(silent, 0.01)
    assert informer.stats.last_event_age(50.0) == float("inf")
    informer, _ = follow(ScriptedTransport(page(7), watches=[[5.0, bookmark(8), 60.0]]), 20)
    assert informer.stats.last_event_age(20.0) == 15.0
