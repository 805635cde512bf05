"""Objects that are nested too deeply to be read: one of them hides no other."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobflows.api.depth import DEEPEST, flattened
from jobflows.cluster.codec import Codec, WatchEvent
from jobflows.manifests.records import FlowRecord
from unit.api.flows import flow, step
from unit.api.refused.base import A

LEVELS = 9_000
"""An API server takes 10,000."""


def deep(name: str, levels: int = LEVELS) -> str:
    """A flow as the API server sends it, with a template of so many levels."""
    document = flow(step("a", template={"spec": "HERE"}), name=name)
    document["metadata"] |= {"uid": f"uid-{name}", "resourceVersion": "7", "namespace": "lab"}
    nested = '{"a":' * levels + '"]}\\""' + "}" * levels
    return json.dumps(document).replace('"HERE"', nested)


def honest(name: str) -> str:
    document = flow(A, name=name)
    document["metadata"] |= {"uid": f"uid-{name}", "resourceVersion": "8", "namespace": "lab"}
    return json.dumps(document)


def test_a_list_with_a_deep_flow_is_read_to_its_end() -> None:
    page = '{"metadata":{"resourceVersion":"9"},"items":[' + f"{deep('x')},{honest('y')}]}}"
    read = Codec(FlowRecord).page(page.encode())
    assert [record.metadata.name for record in read.items] == ["x", "y"]
    assert read.unreadable == []
    assert read.items[1].document()["spec"]["steps"][0]["name"] == "a"


def test_an_event_about_a_deep_flow_is_read() -> None:
    event = Codec(FlowRecord).event(f'{{"type":"ADDED","object":{deep("x")}}}'.encode())
    assert isinstance(event, WatchEvent)
    assert event.object.metadata.name == "x"
    assert event.object.document()["spec"]["steps"][0]["name"] == "a"


def test_the_answer_to_a_write_is_read() -> None:
    assert Codec(FlowRecord).decode(deep("x").encode()).metadata.uid == "uid-x"


@pytest.mark.parametrize("levels", [1, DEEPEST - 20])
def test_what_can_be_read_is_read_in_full(levels: int) -> None:
    text = deep("x", levels)
    assert flattened(text.encode()) == text.encode()


trees = st.recursive(
    st.none() | st.integers() | st.text() | st.sampled_from(['"', "\\", "]", '\\"{', "[["]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(trees, st.integers(0, 400))
def test_what_lies_deeper_is_null_and_the_rest_stays(tree: Any, levels: int) -> None:
    nested = tree
    for _ in range(levels):
        nested = [nested, tree]
    beside = {"beside": [tree]}
    text = json.dumps({"deep": nested, **beside})
    flat = msgspec.json.decode(flattened(text.encode()))
    assert flat["beside"] == beside["beside"]
    assert cut(json.loads(text), 0) == flat


def cut(tree: Any, depth: int) -> Any:
    if isinstance(tree, list):
        return [cut(item, depth + 1) for item in tree] if depth < DEEPEST else None
    if isinstance(tree, dict):
        inside = {key: cut(value, depth + 1) for key, value in tree.items()}
        return inside if depth < DEEPEST else None
    return tree
