"""What a page says of values."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from jobflows.web import words


@given(st.text())
def test_nothing_hidden_is_left_in_a_text(text: str) -> None:
    shown = words.plain(text)
    assert all(c.isprintable() or c in "\n\t" or c.isspace() for c in shown)
    assert "\n" not in words.line(text)
    assert len(words.line(text * 50)) <= words.LONGEST_LINE


def test_colours_of_a_terminal_go() -> None:
    assert words.plain("\x1b[1;31mred\x1b[0m \x1b]0;title\x07end") == "red end"


def test_a_long_text_keeps_both_ends() -> None:
    shown = words.plain("a" + "x" * 10_000_000 + "z")
    assert shown.startswith("a")
    assert shown.endswith("z")
    assert len(shown) < words.LONGEST_TEXT + 100


def test_values_in_words() -> None:
    assert [words.size(v) for v in (None, 0, 1536, 1 << 30, 5 << 50)] == [
        "–",  # noqa: RUF001 - a dash
        "0 B",
        "1.5 KiB",
        "1 GiB",
        "5120 TiB",
    ]
    assert [words.span(v) for v in (None, 0.5, 200_000.0)] == ["–", "0.50s", "2.3d"]  # noqa: RUF001
    assert words.cores(1000) == "1 core"
    assert words.cores(250) == "0.25 cores"
    assert words.clock(0) == "1970-01-01 00:00:00"
    assert words.clock(1e300) == words.UNKNOWN
    assert words.number(12345) == "12,345"
    assert words.phase_class("Nonsense ><") == "p-none"
