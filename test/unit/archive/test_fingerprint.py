"""Which failures are counted together."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobflows.archive.fingerprint import LONGEST, fingerprint, telling_line


@pytest.mark.parametrize(
    ("message", "pattern"),
    [
        ("ValueError: invalid literal 'x' at 17", "ValueError: invalid literal 'x' at <n>"),
        ("cannot open /data/in/part-00017.csv", "cannot open <path>"),
        ("no answer from https://host-3:8080/a?b=1", "no answer from <url>"),
        ("pod etl-fit-1-x7f2k was deleted", "pod <id> was deleted"),
        ("object at 0x7f3a91c0", "object at <id>"),
        ("at 2026-11-21T18:45:00.123Z: late", "at <time>: late"),
        ("uid 6f1c2b1e-6c1f-4e7a-9b1d-0d6a2f1b3c4d", "uid <id>"),
        ("took 3.5 s of 2.0 s, 95%", "took <n> s of <n> s, <n>"),
        ("container main: exit code 137", "container main: exit code 137"),
        ("  two\n  lines  ", "two lines"),
        ("", "(no message)"),
    ],
)
def test_what_differs_from_one_failure_to_the_next_is_replaced(message: str, pattern: str) -> None:
    assert fingerprint("Application", message).pattern == pattern


def test_exit_codes_and_causes_tell_failures_apart() -> None:
    found = {
        fingerprint(cause, f"exit code {code}").id
        for cause in ("Application", "Disruption")
        for code in (1, 137)
    }
    assert len(found) == 4


@given(st.integers(), st.integers())
def test_numbers_never_tell_failures_apart(one: int, other: int) -> None:
    words = "row {} is bad"
    assert fingerprint("", words.format(one)).id == fingerprint("", words.format(other)).id


@given(st.text())
def test_any_message_has_a_short_pattern(message: str) -> None:
    assert 0 < len(fingerprint("", message).pattern) <= LONGEST


def test_the_last_line_that_says_something_is_the_telling_one() -> None:
    assert telling_line("Traceback:\n  x\nKeyError: 3\n\n  \n") == "KeyError: 3"
    assert telling_line("\n") == ""
