"""Names of Jobs and label values: the same each time, short enough, and never one for two."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobflows.manifests.labels import NAME_LENGTH, job_name, label_value

DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
LABEL_VALUE = re.compile(r"[a-zA-Z0-9]([-a-zA-Z0-9_.]*[a-zA-Z0-9])?")
LABEL = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", fullmatch=True)
FLOW = st.lists(LABEL, min_size=1, max_size=4).map(".".join).filter(lambda name: len(name) < 254)


@pytest.mark.parametrize(
    ("flow", "step", "attempt", "name"),
    [
        ("etl", "load", 1, "etl-load-1"),
        ("etl", "load", 12, "etl-load-12"),
        ("e" * 50, "s" * 10, 1, f"{'e' * 50}-{'s' * 10}-1"),  # 63: just fits
    ],
)
def test_a_name_that_fits_is_kept(flow: str, step: str, attempt: int, name: str) -> None:
    assert job_name(flow, step, attempt) == name


def test_a_long_name_is_cut_and_ends_in_a_hash() -> None:
    name = job_name("e" * 51, "s" * 10, 1)
    assert len(name) == NAME_LENGTH
    assert re.fullmatch(r"e{42}-[0-9a-f]{20}", name)


def test_long_names_that_are_cut_at_the_same_place_differ() -> None:
    names = {job_name("e" * 60, f"step-{i}", n) for i in range(50) for n in range(1, 20)}
    assert len(names) == 50 * 19


def test_a_dot_in_the_name_of_a_flow_does_not_meet_a_dash() -> None:
    assert job_name("a.b", "c", 1) != job_name("a-b", "c", 1)
    assert "." not in job_name("a.b", "c", 1)


def test_no_name_ends_in_a_dash_before_its_hash() -> None:
    assert "--" not in job_name("e" * 41 + "-" * 3 + "x" * 30, "s", 1)


@given(FLOW, LABEL, st.integers(1, 10_000))
def test_every_name_is_a_valid_label(flow: str, step: str, attempt: int) -> None:
    name = job_name(flow, step, attempt)
    assert len(name) <= NAME_LENGTH
    assert DNS_LABEL.fullmatch(name)
    assert name == job_name(flow, step, attempt)


@given(st.lists(st.tuples(LABEL, st.integers(1, 30)), unique=True, min_size=2, max_size=20))
def test_two_attempts_of_one_flow_never_share_a_name(attempts: list[tuple[str, int]]) -> None:
    assert len({job_name("flow", step, number) for step, number in attempts}) == len(attempts)


@given(FLOW)
def test_every_flow_has_a_valid_label_value_of_its_own(flow: str) -> None:
    value = label_value(flow)
    assert len(value) <= NAME_LENGTH
    assert LABEL_VALUE.fullmatch(value)
    assert (value == flow) == (len(flow) <= NAME_LENGTH)
    assert label_value(flow + "x" * 70) != label_value(flow + "x" * 69 + "y")
