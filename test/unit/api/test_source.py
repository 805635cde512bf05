"""YAML as Kubernetes reads it, with places."""

from typing import Any

import pytest

from jobflows.api.source import Mark, SourceError, load


def value(text: str) -> Any:
    (document,) = load(text)
    return document.value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("yes", True),
        ("Off", False),
        ("y", True),
        ("'yes'", "yes"),
        ("yesterday", "yesterday"),
        ("12:30", "12:30"),
        ("2026-01-31", "2026-01-31"),
        ("0755", 493),
        ("0o17", 15),
        ("0x1F", 31),
        ("-1_000", -1000),
        ("1e3", 1000),
        ("1.5", 1.5),
        ("08", 8),
        ("1_0.5", 10.5),
        ("1.2.3", "1.2.3"),
        ("+", "+"),
        ("!!str 1", "1"),
        ("a: ~", {"a": None}),
        ("a:", {"a": None}),
        ("on: 1", {"true": 1}),
        ("1: a", {"1": "a"}),
    ],
)
def test_plain_words_mean_what_kubectl_sends(text: str, expected: Any) -> None:
    assert value(text) == expected


def test_merge_keys_and_anchors() -> None:
    text = "base: &b {x: 1, v: 2}\nmade: {<<: *b, v: 3}\nboth: {<<: [*b, {z: 4}]}\n"

    assert value(text)["made"] == {"x": 1, "v": 3}
    assert value(text)["both"] == {"x": 1, "v": 2, "z": 4}


def test_many_documents_without_the_empty_ones() -> None:
    assert [document.value for document in load("---\n---\na: 1\n---\n# nothing\n---\nb\n")] == [
        {"a": 1},
        "b",
    ]


def test_places() -> None:
    text = "spec:\n  steps:\n  - name: a\n    dependencies: [b, c]\n  - <<: &x {when: never}\n"
    (document,) = load(text)

    assert document.locate(()) == Mark(1, 1)
    assert document.locate(("spec",)) == Mark(1, 1)
    assert document.locate(("spec", "steps", 0)) == Mark(3, 5)
    assert document.locate(("spec", "steps", 0, "dependencies", 1)) == Mark(4, 23)
    assert document.locate(("spec", "steps", 1, "when")) == Mark(5, 13)


def test_what_is_missing_is_placed_where_it_belongs() -> None:
    (document,) = load("spec:\n  steps:\n    - name: a\n")

    assert document.locate(("spec", "steps", 0, "template", "spec")) == Mark(3, 7)
    assert document.locate(("spec", "steps", 7)) == Mark(2, 3)
    assert document.locate(("spec", "steps", 0, "name", "x")) == Mark(3, 7)


def test_places_in_later_documents_count_from_the_top_of_the_file() -> None:
    assert load("a: 1\n---\nb: 2\n")[1].locate(("b",)) == Mark(3, 1)


def test_a_key_that_occurs_twice_is_a_problem() -> None:
    (document,) = load("a:\n  b: 1\n  c: 2\n  b: 3\n")

    (problem,) = document.problems
    assert problem.dotted == "a.b"
    assert problem.message == "'b' occurs twice, again in line 4"
    assert document.value == {"a": {"b": 3, "c": 2}}


def test_a_merged_key_may_be_replaced() -> None:
    (document,) = load("base: &b {x: 1}\nmade: {x: 2, <<: *b}\n")

    assert document.problems == []
    assert document.value["made"] == {"x": 2}


@pytest.mark.parametrize(
    ("text", "mark", "words"),
    [
        ("a: [1\nb: 2\n", Mark(2, 2), "did not find expected"),
        ("a: *nobody", Mark(1, 4), "undefined alias"),
        ("? [a]\n: 1\n", Mark(1, 3), "a key must be a plain value"),
        ("a:\n  <<: 1\n", Mark(2, 7), "<< needs a mapping"),
        ("a: 1\nb: \x00", Mark(2, 1), ""),
        ("a: &x\n  b: *x\n", Mark(1, 4), "too deep"),
    ],
)
def test_no_yaml(text: str, mark: Mark, words: str) -> None:
    with pytest.raises(SourceError) as caught:
        load(text)

    assert words in str(caught.value)
    assert caught.value.mark.line == mark.line


def test_aliases_of_aliases_do_not_fill_the_memory() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]

    with pytest.raises(SourceError, match="too large"):
        load("\n".join(lines))
