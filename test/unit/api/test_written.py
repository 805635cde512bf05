"""What is written for people to read is read back as the same."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jobflows.api.source import load
from jobflows.api.written import to_yaml

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


@settings(deadline=None, max_examples=60)
@example("a\x85b", "\u2028\n\u2029")
@given(TEXTS, TEXTS)
def test_any_text_is_read_back(key: str, text: str) -> None:
    document = {"list": [text, {f"k{key}": text}]}
    assert load(to_yaml(document))[0].value == document


@pytest.mark.parametrize("text", ["y", "No", "1e3", "0o7", "12:30", "2026-01-31", "~", "", "null"])
def test_words_that_mean_something_stay_text(text: str) -> None:
    assert load(to_yaml({"x": text}))[0].value == {"x": text}
