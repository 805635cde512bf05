"""Lines are found wherever the chunks end."""

from __future__ import annotations

import pytest

from jobflows.cluster.lines import LineSplitter, LineTooLongError


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64])
def test_lines_are_the_same_for_every_chunking(size: int) -> None:
    stream = b'{"a":1}\n\n{"b":"' + b"x" * 50 + b'"}\r\n{"c":3}\nrest'
    splitter = LineSplitter()
    lines: list[bytes] = []
    for start in range(0, len(stream), size):
        lines += splitter.feed(stream[start : start + size])
    assert lines == [b'{"a":1}', b'{"b":"' + b"x" * 50 + b'"}\r', b'{"c":3}']


def test_a_line_over_the_limit_is_refused_before_it_fills_the_memory() -> None:
    splitter = LineSplitter(limit=100)
    assert splitter.feed(b"x" * 99) == []
    assert splitter.feed(b"x\n") == [b"x" * 100]
    splitter.feed(b"x" * 60)
    with pytest.raises(LineTooLongError):
        splitter.feed(b"x" * 60)
