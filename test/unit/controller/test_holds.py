"""Refused starts: one step or the whole flow waits, ever longer, and one start finds out."""

from __future__ import annotations

from jobflows.controller.holds import CAP, WHOLE_FLOW, Holds

NOW = 1000.0


def test_nothing_is_held_before_a_refusal() -> None:
    holds = Holds()
    assert holds.allows("a", NOW, first=False)
    assert holds.next_moment(NOW) is None


def test_a_held_step_waits_and_the_others_do_not() -> None:
    holds = Holds()
    until = holds.refuse("a", "uid", NOW)
    assert NOW < until < NOW + 1
    assert not holds.allows("a", NOW, first=True)
    assert holds.allows("b", NOW, first=False)
    assert holds.next_moment(NOW) == until
    assert holds.allows("a", until, first=False)
    assert holds.next_moment(until) is None


def test_a_held_flow_waits_and_then_one_start_finds_out() -> None:
    holds = Holds()
    until = holds.refuse(WHOLE_FLOW, "uid", NOW)
    assert not holds.allows("a", NOW, first=True)
    assert holds.allows("a", until, first=True)
    assert not holds.allows("b", until, first=False)
    holds.accept("a")
    assert holds.allows("b", until, first=False)


def test_refusals_that_were_under_way_together_count_once() -> None:
    holds = Holds()
    assert len({holds.refuse(WHOLE_FLOW, "uid", NOW) for _ in range(64)}) == 1


def test_the_waits_grow_to_a_cap_and_start_over_after_a_success() -> None:
    holds, now, waits = Holds(), NOW, []
    for _ in range(12):
        until = holds.refuse("a", "uid", now)
        waits.append(until - now)
        now = until
    assert waits[0] <= 0.2
    assert max(waits) <= CAP
    assert min(waits[-3:]) >= CAP / 2
    holds.accept("a")
    assert holds.refuse("a", "uid", now) - now <= 0.2


def test_another_spec_is_another_chance() -> None:
    holds = Holds()
    holds.refuse("a", "uid", NOW)
    holds.refuse(WHOLE_FLOW, "uid", NOW)
    holds.clear()
    assert holds.allows("a", NOW, first=False)
