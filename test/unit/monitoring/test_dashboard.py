"""The dashboard is as new as its program, asks for what there is, and lies straight."""

from __future__ import annotations

import json
from itertools import combinations
from types import ModuleType
from typing import Any

import pytest

from unit.monitoring.series import ROOT, load, unknown

Panel = dict[str, Any]


@pytest.fixture(scope="module")
def program() -> ModuleType:
    return load("dashboard", ROOT / "grafana" / "dashboard.py")


@pytest.fixture(scope="module")
def drawn(program: ModuleType) -> Panel:
    shown: Panel = json.loads(program.document())
    return shown


def test_the_files_are_what_the_program_writes(program: ModuleType) -> None:
    for file in program.FILES:
        assert file.read_text() == program.document(), "run make dashboard"


def test_every_panel_asks_for_what_there_is(drawn: Panel) -> None:
    asked = 0
    for panel in panels(drawn):
        for target in panel["targets"]:
            assert unknown(target["expr"]) == [], panel["title"]
            asked += 1
    assert asked > 50


def test_no_panel_lies_on_another_and_rows_are_full(drawn: Panel) -> None:
    for one, other in combinations([panel["gridPos"] for panel in drawn["panels"]], 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or below, (one, other)
    lines: dict[int, list[Panel]] = {}
    for panel in drawn["panels"]:
        lines.setdefault(panel["gridPos"]["y"], []).append(panel["gridPos"])
    for line in lines.values():
        assert sum(place["w"] for place in line) == 24, line
        assert len({place["h"] for place in line}) == 1, line


def test_there_is_a_row_for_each_part_of_the_operator(drawn: Panel) -> None:
    rows = [panel["title"] for panel in drawn["panels"] if panel["type"] == "row"]
    assert rows == [
        "Now",
        "Flows",
        "Steps",
        "Reconcile",
        "Queue",
        "Graph cache",
        "API server",
        "Watches",
        "Status writes",
        "Webhook",
        "Resources",
        "Chunking",
    ]


def test_panels_can_be_told_apart(drawn: Panel) -> None:
    identities = [panel["id"] for panel in drawn["panels"]]
    assert len(set(identities)) == len(identities)
    for panel in panels(drawn):
        assert panel["datasource"]["uid"] == "${datasource}"
        references = [target["refId"] for target in panel["targets"]]
        assert len(set(references)) == len(references)


def test_namespaces_and_the_source_are_chosen_above(drawn: Panel) -> None:
    chosen = {variable["name"]: variable for variable in drawn["templating"]["list"]}
    assert chosen["datasource"]["query"] == "prometheus"
    assert "zen_flow_jobflows, namespace" in str(chosen["namespace"]["query"])


def panels(drawn: Panel) -> list[Panel]:
    """All but the rows."""
    return [panel for panel in drawn["panels"] if panel["type"] != "row"]
