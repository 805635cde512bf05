"""Which word about an object wins: rules of `store.py` and a property over histories."""

from __future__ import annotations

import random

import pytest

from jobflows.cluster.records import key_of
from jobflows.cluster.store import Store
from unit.cluster_adapter.scripted import Changes, Job, job


@pytest.fixture
def changes() -> Changes:
    return Changes()


@pytest.fixture
def store(changes: Changes) -> Store[Job]:
    store: Store[Job] = Store(changes)
    store.listed(job("a", 5))
    store.finish_list(10, {("default", "a")})
    changes.seen.clear()
    return store


def test_the_newer_state_wins(store: Store[Job], changes: Changes) -> None:
    assert store.saw(job("a", 12))
    assert not store.saw(job("a", 11))
    assert not store.saw(job("a", 12))
    assert changes.seen == ["~a@12"]
    assert store.version == 12


def test_an_own_write_is_visible_before_the_watch_tells_of_it(
    store: Store[Job], changes: Changes
) -> None:
    assert store.wrote(job("b", 20))
    assert store.get("default", "b") == job("b", 20)
    assert store.version == 10, "how far the watch has come is not how far we have written"
    assert not store.saw(job("b", 20)), "the watch's own report of it is no news"
    assert changes.seen == ["+b@20"]


def test_a_late_answer_does_not_hide_a_newer_watch_event(store: Store[Job]) -> None:
    store.saw(job("a", 30))
    assert not store.wrote(job("a", 25))
    assert store.get("default", "a") == job("a", 30)


def test_a_late_answer_does_not_bring_back_a_deleted_object(
    store: Store[Job], changes: Changes
) -> None:
    store.saw(job("b", 11))
    store.saw_deleted(job("b", 13))
    assert not store.wrote(job("b", 12))
    assert store.get("default", "b") is None
    assert changes.seen == ["+b@11", "-b@11"]


def test_a_late_watch_event_does_not_bring_back_a_deleted_object(store: Store[Job]) -> None:
    store.saw_deleted(job("a", 13))
    assert not store.saw(job("a", 5))
    assert len(store) == 0


def test_a_deletion_told_twice_is_one_deletion(store: Store[Job], changes: Changes) -> None:
    assert store.saw_deleted(job("a", 13))
    assert not store.saw_deleted(job("a", 13))
    assert changes.seen == ["-a@5"]


def test_the_same_name_with_another_uid_is_a_deletion_and_an_addition(
    store: Store[Job], changes: Changes
) -> None:
    store.saw(job("a", 15, uid="second"))
    assert changes.seen == ["-a@5", "+a@15"]


def test_the_deletion_of_a_former_namesake_leaves_the_new_object_alone(store: Store[Job]) -> None:
    store.wrote(job("a", 20, uid="second"))
    assert not store.saw_deleted(job("a", 18))
    assert store.get("default", "a") == job("a", 20, uid="second")


def test_the_deletion_of_a_later_namesake_removes_the_stale_one_too(store: Store[Job]) -> None:
    assert store.saw_deleted(job("a", 18, uid="second"))
    assert len(store) == 0


def test_an_answer_about_a_former_namesake_is_ignored(store: Store[Job]) -> None:
    store.saw(job("a", 20, uid="second"))
    assert not store.wrote(job("a", 12))
    assert store.get("default", "a") == job("a", 20, uid="second")


def test_a_list_removes_what_it_does_not_hold(store: Store[Job], changes: Changes) -> None:
    store.listed(job("b", 14))
    assert store.finish_list(15, {("default", "b")}) == 1
    assert changes.seen == ["+b@14", "-a@5"]


def test_a_list_made_before_an_own_write_does_not_undo_it(store: Store[Job]) -> None:
    store.wrote(job("new", 40))
    store.wrote(job("a", 41))
    store.listed(job("a", 5))
    assert store.finish_list(30, {("default", "a")}) == 0
    assert store.get("default", "new") == job("new", 40)
    assert store.get("default", "a") == job("a", 41)


@pytest.mark.parametrize("seed", range(60))
def test_whatever_the_order_of_answers_and_events_the_store_ends_as_the_server(seed: int) -> None:
    rng = random.Random(seed)
    truth: dict[tuple[str, str], Job] = {}
    events: list[tuple[str, Job]] = []
    for version in range(1, 60):
        name = rng.choice("abc")
        old = truth.get(("default", name))
        if old is not None and rng.random() < 0.4:
            del truth[key_of(old)]
            events.append(("DELETED", job(name, version, old.metadata.uid)))
        else:
            new = job(name, version, old.metadata.uid if old else f"{name}-{version}")
            truth[key_of(new)] = new
            events.append(("MODIFIED", new))
    mirror: dict[tuple[str, str], Job] = {}

    def on_change(old: Job | None, new: Job | None) -> None:
        if old is not None:
            assert mirror.pop(key_of(old)) is old
        if new is not None:
            mirror[key_of(new)] = new

    store: Store[Job] = Store(on_change)
    answers = [what for kind, what in events if kind == "MODIFIED" and rng.random() < 0.5]
    rng.shuffle(answers)
    told = 0
    while told < len(events) or answers:
        if answers and rng.random() < 0.4:
            store.wrote(answers.pop())
        elif told < len(events):
            for kind, what in events[max(0, told - rng.choice((0, 0, 3))) : told + 1]:
                (store.saw_deleted if kind == "DELETED" else store.saw)(what)
            told += 1
        assert {key_of(known): known for known in store} == mirror
    assert mirror == truth
