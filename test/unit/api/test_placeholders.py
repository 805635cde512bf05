"""Placeholders and JSON paths."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobflows.api.jsonpath import JSONPathError, compile_path, query, split_step_path
from jobflows.api.placeholders import (
    CONTEXT,
    find,
    find_arguments,
    find_context,
    malformed,
    pieces,
    substitute,
)


@pytest.mark.parametrize(
    "text",
    [
        "{{ parameters.x-1 }}",
        "{{parameters.x-1}}",
        "{{.parameters.x-1}}",
        "{{ .Parameters.x-1 }}",
        "${parameters.x-1}",
    ],
)
def test_every_spelling_is_found_and_filled_in(text: str) -> None:
    assert find(f"a{text}b") == ["x-1"]
    assert substitute(f"a{text}b", {"x-1": "V"}) == "aVb"


@pytest.mark.parametrize(
    "text",
    [
        "{{ item }}",
        "${HOME}",
        "{{ .Values.parameters.x }}",
        "$parameters.x",
        "{ parameters.x }",
        "",
    ],
)
def test_other_braces_are_left_alone(text: str) -> None:
    assert find(text) == []
    assert malformed(text) == []
    assert substitute(text, {}) == text


@pytest.mark.parametrize(
    "text",
    ["{{ parameters.x | upper }}", "${parameters.x:-1}", "{{ parameters.}}", "{{- parameters.x }}"],
)
def test_what_only_looks_like_a_placeholder_is_named(text: str) -> None:
    assert malformed(f"a {text} b") == [text]


def test_arguments_are_found_apart_from_all_else() -> None:
    text = "a{{ arguments.x-1 }}b{{arguments.y}} {{ step.name }} {{ parameters.x }} ${arguments.z}"

    assert find_arguments(text) == ["x-1", "y"]
    assert find_context(text) == ["step.name"]
    assert malformed("{{ arguments.x | upper }}") == ["{{ arguments.x | upper }}"]
    values = {"arguments.x-1": "X", "arguments.y": "Y", "step.name": "S", "x": "P"}
    assert substitute(text, values) == "aXbY S P ${arguments.z}"


def test_a_text_taken_apart_is_the_same_text() -> None:
    assert list(pieces("a{{ parameters.x }}{{ arguments.y }}b")) == [
        ("a", "x"),
        ("", "arguments.y"),
        ("b", ""),
    ]


def test_the_facts_of_an_attempt_are_found_apart_from_parameters() -> None:
    text = " ".join(f"{{{{ {name} }}}}" for name in CONTEXT) + " {{ parameters.x }} ${step.name}"
    assert find(text) == ["x"]
    assert find_context(text) == list(CONTEXT)
    values = {"x": "V", **{name: name.upper() for name in CONTEXT}}
    filled = "FLOW.NAME FLOW.NAMESPACE STEP.NAME STEP.ATTEMPT V ${step.name}"
    assert substitute(text, values) == filled


@pytest.mark.parametrize("text", ["{{ step.atempt }}", "{{ flow.name | upper }}", "{{step.}}"])
def test_a_misspelt_fact_of_an_attempt_is_named(text: str) -> None:
    assert malformed(f"a {text} b") == [text]


def test_a_tree_is_filled_in_without_touching_the_original() -> None:
    tree = {"a": ["{{ parameters.x }}", 1, None], "{{ parameters.x }}": {"b": True}}

    made = substitute(tree, {"x": "V"})

    assert made == {"a": ["V", 1, None], "{{ parameters.x }}": {"b": True}}
    assert tree["a"] == ["{{ parameters.x }}", 1, None]


def test_a_tree_without_placeholders_is_not_copied() -> None:
    tree = {"a": [{"b": "c"}]}

    assert substitute(tree, {}) is tree


def test_an_unknown_name_is_an_error() -> None:
    with pytest.raises(KeyError, match="x"):
        substitute("{{ parameters.x }}", {})


@given(st.text())
def test_a_value_stays_one_string_whatever_is_in_it(value: str) -> None:
    tree = {"args": ["-c", "{{ parameters.x }}"], "image": "busybox"}

    assert substitute(tree, {"x": value}) == {"args": ["-c", value], "image": "busybox"}


def test_a_value_is_not_scanned_again() -> None:
    values = {"x": "{{ parameters.y }}", "y": "secret"}

    assert substitute("{{ parameters.x }}", values) == "{{ parameters.y }}"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("$.text", "a"),
        ("$.number", "1.5"),
        ("$.yes", "true"),
        ("$.nothing", "null"),
        ("$.list", '[1,{"x":"ü"}]'),
        ("$.list[-1].x", "ü"),
        ("$['row-count']", "7"),
        ("$.row-count", "7"),
    ],
)
def test_the_value_at_a_path(path: str, value: str) -> None:
    document: Any = {
        "text": "a",
        "number": 1.5,
        "yes": True,
        "nothing": None,
        "list": [1, {"x": "ü"}],
        "row-count": 7,
    }

    assert query(path, document) == value


@pytest.mark.parametrize("path", ["$.rows", "$[0]", "$.list[5]", "$.text.x", "$.text[0]"])
def test_nothing_at_a_path(path: str) -> None:
    with pytest.raises(LookupError, match="nothing at"):
        query(path, {"text": "a", "list": []})


@pytest.mark.parametrize("path", ["", "rows", "$.", "$.a[", "{.a}", "$.a | $.b"])
def test_no_path(path: str) -> None:
    with pytest.raises(JSONPathError, match="is not a JSON path"):
        compile_path(path)


@pytest.mark.parametrize("path", ["$..a", "$.a[*]", "$.a[?@.b == 1]", "$.a[0, 1]", "$.a[0:2]"])
def test_a_path_to_many_values_is_refused(path: str) -> None:
    with pytest.raises(JSONPathError, match="more than one value"):
        compile_path(path)


def test_a_path_into_a_step() -> None:
    assert split_step_path("extract: $.outputs['a:b']") == ("extract", "$.outputs['a:b']")


@pytest.mark.parametrize("text", ["$.rows", ":$.rows", ""])
def test_a_path_without_a_step(text: str) -> None:
    with pytest.raises(JSONPathError, match="does not name a step"):
        split_step_path(text)
