"""Who created a flow is what the API server says, and stays."""

from __future__ import annotations

from typing import Any

import pytest

from jobflows.api.model import CREATED_BY
from jobflows.webhook.creator import name_creator
from jobflows.webhook.defaulting import default
from jobflows.webhook.review import read_review
from unit.api.flows import flow, step
from unit.webhook.reviews import Object, encoded, review

AT = "/metadata/annotations/workflow.kube-zen.io~1created-by"


def noted(**annotations: str) -> Object:
    made: Object = flow(step("a"))
    made["metadata"] = {"name": "nightly", "annotations": annotations}
    return made


BARE, ADAS, FORGED = noted(), noted(**{CREATED_BY: "ada"}), noted(**{CREATED_BY: "eve", "x": "1"})


@pytest.mark.parametrize(
    ("new", "old", "patch"),
    [
        (BARE, None, [("add", "/metadata/annotations", {CREATED_BY: "ada"})]),
        (noted(x="1"), None, [("add", AT, "ada")]),
        (FORGED, None, [("add", AT, "ada")]),
        (ADAS, None, []),
        (ADAS, ADAS, []),
        (FORGED, ADAS, [("add", AT, "ada")]),
        (BARE, ADAS, [("add", "/metadata/annotations", {CREATED_BY: "ada"})]),
        (FORGED, BARE, [("remove", AT, None)]),
        (BARE, BARE, []),
    ],
)
def test_the_annotation_is_made_true(new: Object, old: Any, patch: list[Any]) -> None:
    asked = read_review(encoded(review(new, old)))
    made = list(name_creator(asked))
    assert [(each["op"], each["path"], each.get("value")) for each in made] == patch
    assert list(default(asked).patch)[: len(made)] == made


def test_whoever_has_no_name_overrules_nobody() -> None:
    asked = read_review(encoded(review(BARE, userInfo={})))
    assert list(name_creator(asked)) == []


@pytest.mark.parametrize(("metadata", "count"), [(None, 0), ([], 0), ({"annotations": None}, 1)])
def test_metadata_of_another_shape_is_no_trouble(metadata: Any, count: int) -> None:
    asked = read_review(encoded(review({**BARE, "metadata": metadata})))
    assert len(list(name_creator(asked))) == count
