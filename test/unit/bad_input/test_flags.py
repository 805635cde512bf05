"""Flags with anything for a value: exit code 2, and a line that names the flag; no traceback.

No program is started: what the parser takes is shown to `Settings`, and nothing else sees it.
"""

from __future__ import annotations

import dataclasses
import os
from typing import Any

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from jobflows.api.durations import parse_span
from jobflows.cluster import LoginError, connect
from jobflows.controller import flags as operator
from jobflows.controller.settings import SettingError, Settings
from jobflows.recorder import flags as recorder
from jobflows.web import __main__ as web
from unit.bad_input.documents import texts
from unit.bad_input.test_flows import fuzzed
from unit.bad_input.words import words_of

ODD = ["\u202e", "-1", "y" * 9000, "9" * 400, "", " ", "é", "nan", "-5s", "x", "[::1", "a,b", "%s"]
if "JOBFLOW_EXPLORE" not in os.environ:
    del ODD[4:]

PROGRAMS: dict[str, tuple[typer.Typer, dict[str, str], str]] = {
    "operator": (operator.app, {"--log-level": "loud"}, "--log-level"),
    "recorder": (recorder.app, {"--database": "x", "--log-level": "loud"}, "--log-level"),
    "web": (web.app, {"--database": "nowhere"}, "--database"),
}
"""With what is refused last of all, and how: whatever else is given, none of them starts."""


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_flag_that_cannot_be_used_is_named(program: str) -> None:
    app, last, words = PROGRAMS[program]
    command = typer.main.get_command(app)
    named = set()
    for option in command.params:
        flag = option.opts[0]
        if getattr(option, "is_flag", False) or not flag.startswith("--") or flag in last:
            continue
        for value in ODD:
            given = [f"{key}={known}" for key, known in {**last, flag: value}.items()]
            result = CliRunner().invoke(app, given)
            said = " ".join(result.output.split())
            assert result.exit_code == 2, (flag, value, result.exception)
            assert flag in said or words in said, (flag, value, said)
            assert len(said) < 1000, (flag, len(said))
            assert said.isprintable(), (flag, value, said)
            if flag in said:
                named.add(flag)
    assert named


FIELDS = {field.name: str(field.type) for field in dataclasses.fields(Settings)}
NUMBERS = [name for name, kind in FIELDS.items() if kind in ("int", "float")]
WORDS = [name for name, kind in FIELDS.items() if kind not in ("int", "float", "bool")]


@fuzzed
@given(st.sampled_from(NUMBERS), st.floats() | st.integers() | st.sampled_from([10**400, -1, 0]))
def test_numbers_are_in_range_or_refused(field: str, value: float) -> None:
    assert_told({field: value})


@fuzzed
@given(st.sampled_from(WORDS), texts)
def test_words_are_known_or_refused(field: str, value: str) -> None:
    assert_told({field: value})


def assert_told(given: dict[str, Any]) -> None:
    said = words_of(SettingError, lambda: Settings(**{"identity": "me", **given}))
    assert said.isprintable()
    assert len(said) < 1000


@fuzzed
@given(texts | st.from_regex(r"[0-9]{1,400}(\.[0-9]+)?[hdw]", fullmatch=True))
def test_a_span_is_a_number_or_refused(text: str) -> None:
    said = words_of(ValueError, lambda: parse_span(text))
    assert not said or "write hours, days or weeks" in said
    assert said.isprintable()


@pytest.mark.parametrize("name", ["x" * 300, "nowhere", "/dev/null/x", "\0"])
def test_a_kubeconfig_that_no_file_can_be_is_none(name: str) -> None:
    with pytest.raises(LoginError, match="no such kubeconfig"):
        connect(name)
