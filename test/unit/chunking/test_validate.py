"""Configurations against each other, and the pictures of that."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from jobflows.chunking import ValidationReport, benchmark_validate
from sample_functions import slow, square


@pytest.fixture(scope="module")
def report() -> ValidationReport:
    return benchmark_validate(
        slow, range(60), n_jobs_range=[1, 2], chunksize_range=[1, 10], num_trials=2
    )


def test_every_configuration_is_run_so_many_times(report: ValidationReport) -> None:
    assert [(one.n_jobs, one.chunksize) for one in report.measurements] == [
        (1, None),
        (2, 1),
        (2, 10),
    ]
    assert {len(one.seconds) for one in report.measurements} == {2}
    assert report.best.best == min(one.best for one in (*report.measurements, report.chosen))


def test_the_summary_has_the_best_the_accuracy_and_the_overhead(report: ValidationReport) -> None:
    text = report.summary()
    assert f"Best configuration: {report.best.name}" in text
    assert f"Prediction accuracy: {report.prediction_accuracy:.1%}" in text
    assert "Overhead breakdown of" in text
    for one in (*report.measurements, report.chosen):
        assert sum(report.overhead_breakdown(one).values()) == pytest.approx(100)


def test_pictures_are_saved_where_they_should_be(report: ValidationReport, tmp_path: Path) -> None:
    report.plot_speedup_curve(tmp_path / "speedup.png")
    report.plot_overhead_breakdown(tmp_path / "overhead.svg")
    assert (tmp_path / "speedup.png").read_bytes().startswith(b"\x89PNG")
    assert "results on their way" in (tmp_path / "overhead.svg").read_text()
    assert report.plot_speedup_curve() is not None


def test_a_picture_without_matplotlib_names_the_extra() -> None:
    program = """
import sys
sys.modules["matplotlib"] = None
from jobflows.chunking import benchmark_validate
report = benchmark_validate(abs, range(5), n_jobs_range=[1], num_trials=1)
try:
    report.plot_speedup_curve()
except ImportError as error:
    print(error)
"""
    run = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert "'jobflows[plot]'" in run.stdout


def test_a_range_that_cannot_be_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="n_jobs_range has 0"):
        benchmark_validate(square, [1], n_jobs_range=[0])
    with pytest.raises(ValueError, match="chunksize_range has None"):
        benchmark_validate(square, [1], chunksize_range=[])
    with pytest.raises(ValueError, match="num_trials has 0"):
        benchmark_validate(square, [1], num_trials=0)
    with pytest.raises(ValueError, match="data is empty"):
        benchmark_validate(square, [])
