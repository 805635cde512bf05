"""Names and log lines that somebody made to break something."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobflows.archive import Archive, FlowFilter, attempt, errors, find_flow, flows, log_tail
from jobflows.archive.words import shown, tail
from unit.archive.samples import failed, flow

SQL = "'); DROP TABLE attempts; --"
HTML = '<script>alert("x")</script>'
ANSI = "\x1b[31mred\x1b[0m \x1b]0;title\x07bell"
HALF = "half \ud83d surrogate"
NUL = "before\x00after"


@pytest.mark.parametrize("words", [SQL, HTML, ANSI, HALF, NUL, "é" * 5000, "%_\\", ""])
def test_an_attempt_with_any_words_is_kept_and_found(archive: Archive, words: str) -> None:
    archive.write([failed(words, step=f"s{words[:50]}", reason=words, log_tail=tail(words))])
    with archive.reading() as connection:
        found = attempt(connection, "f1", shown(f"s{words[:50]}"), 1)
        assert found is not None
        assert found.message == shown(words)
        (cluster,) = errors(connection).items
        assert cluster.count == 1
        assert log_tail(connection, "f1", found.step, 1) == tail(words)


def test_html_and_sql_stay_as_they_are() -> None:
    assert shown(SQL) == SQL
    assert shown(HTML) == HTML


def test_escape_sequences_go_and_other_controls_are_marked() -> None:
    assert shown(ANSI) == "red bell"
    assert shown(NUL) == "before\N{REPLACEMENT CHARACTER}after"


def test_a_log_keeps_its_last_whole_lines() -> None:
    log = b"".join(b"line %06d\n" % n for n in range(100_000))
    kept = tail(log)
    assert len(kept) <= 4096
    assert kept.startswith("line 099")
    assert kept.endswith("line 099999\n")


def test_of_a_line_of_a_megabyte_its_end_is_kept() -> None:
    assert tail(b"x" * 1_000_000 + b"end") == "x" * 4093 + "end"


def test_bytes_that_are_no_text_are_marked() -> None:
    assert tail(b"\xff\xfe ok\r\n") == "\N{REPLACEMENT CHARACTER}" * 2 + " ok\n"


@given(st.text(max_size=300), st.integers(1, 50))
def test_what_is_shown_is_text_within_its_length(text: str, most: int) -> None:
    found = shown(text, most)
    assert len(found.encode()) <= most
    assert not any(ord(sign) < 32 and sign not in "\n\t" for sign in found)


@given(st.binary(max_size=300))
def test_a_tail_is_text_within_its_length(data: bytes) -> None:
    assert len(tail(data, 64).encode()) <= 64


@pytest.mark.parametrize("name", [SQL, HTML, "100%", "a_b"])
def test_a_flow_is_found_by_any_name(archive: Archive, name: str) -> None:
    archive.write([flow("f1", name=name), flow("f2", name="other")])
    with archive.reading() as connection:
        found = find_flow(connection, name)
        assert found is not None
        assert found.name == name
        part = name[1:-1]
        listed = flows(connection, FlowFilter(name_contains=part)).items
    assert [each.name for each in listed] == [name]
