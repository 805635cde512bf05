"""The page says what the results say, and misses are not hidden."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from load import plots
from load.budgets import BUDGETS, Budget
from load.page import PAGE, PLOTS, page, read_results
from load.scenarios import SCENARIOS

RESULTS = read_results()


def test_the_page_is_as_new_as_its_results() -> None:
    assert PAGE.read_text() == page(RESULTS), "run python -m load page, in test/"


def test_every_scenario_has_a_result_and_a_budget_names_it() -> None:
    assert set(RESULTS) == set(SCENARIOS)
    assert {budget.scenario for budget in BUDGETS} <= set(SCENARIOS)


@pytest.mark.parametrize("budget", BUDGETS, ids=lambda b: f"{b.scenario}-{b.figure}")
def test_every_budget_was_measured(budget: Budget) -> None:
    figures = {name: result["figures"] for name, result in RESULTS.items()}
    assert budget.measured(figures) is not None


def test_a_missed_budget_is_shown_as_missed() -> None:
    budget = Budget("memory", "one", "peak.p95", 100, "MiB")
    assert budget.row({"one": {"peak": {"p95": 101.0}}}) == (
        "memory",
        "100 MiB",
        "101 MiB",
        "**no**",
    )
    assert budget.row({"one": {"peak": {"p95": 100.0}}})[-1] == "yes"
    assert budget.row({}) == ("memory", "100 MiB", "not measured", "")


@pytest.mark.parametrize("name", sorted(RESULTS))
def test_a_result_says_where_it_was_measured(name: str) -> None:
    about = RESULTS[name]["about"]
    assert about["command"].startswith("python -m load ")
    assert about["machine"]
    assert {"jobflows", "python"} <= set(about["versions"])
    assert "/" not in json.dumps(about["versions"]), "no paths of a machine"


@pytest.mark.parametrize("file", sorted(PLOTS.glob("*.svg")), ids=lambda file: file.stem)
def test_a_plot_has_no_background_and_tones_for_light_and_dark(file: Path) -> None:
    text = file.read_text()
    assert "fill: #ffffff" not in text
    assert "<text" in text, "letters, not outlines"
    assert ET.fromstring(text).tag.endswith("svg")


def test_a_plot_is_drawn_the_same_again(tmp_path: Path) -> None:
    hours, kib = [0.0, 12.0, 24.0], [500.0, 510.0, 505.0]
    for name in ("a", "b"):
        plots.memory(tmp_path / name, "memory", hours, kib)
    assert (tmp_path / "a").read_text() == (tmp_path / "b").read_text()
