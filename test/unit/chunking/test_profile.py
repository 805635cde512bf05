"""The report for people: the layout of the guide, and nothing in it that was not measured."""

from __future__ import annotations

import dataclasses
import re

import pytest

from jobflows.chunking import DiagnosticProfile, optimize
from jobflows.chunking.profile_text import seconds, size
from sample_functions import slow, square

LAYOUT = """\
={70}
JOBFLOW DIAGNOSTIC PROFILE
={70}

\\[1\\] WORKLOAD ANALYSIS
-{70}
  Function execution time:  .+ per item
  Input pickle overhead:    .+ per item
  Output pickle overhead:   .+ per item
  Input data size:          .+B
  Return object size:       .+B
  Peak memory per call:     .+B
  Workload variability:     CV=.+
  Workload type:            \\S+( \\(CPU utilization: .+%\\))?
  Total items to process:   400
  Estimated serial time:    .+s

\\[2\\] SYSTEM RESOURCES
-{70}
  Physical CPU cores:       \\d+
  Logical CPU cores:        \\d+
  Usable CPU cores:         \\d+.*
  Available memory:         .+B
  Start method:             \\w+
  Process spawn cost:       .+ per worker
  Chunking overhead:        .+ per chunk

\\[3\\] OPTIMIZATION DECISION
-{70}
  Executor:                 .+
  Max workers \\(CPU limit\\):  \\d+
  Max workers \\(RAM limit\\):  .+
  Optimal chunksize:        \\d+
  Target chunk duration:    10.0ms

\\[4\\] PERFORMANCE PREDICTION
-{70}
  Theoretical max speedup:  .+x
  Estimated actual speedup: .+x
  Parallel efficiency:      .+%

  Time breakdown \\(parallel execution\\):
    Computation:            .+s
    Process spawn:          .+s
    IPC/Pickle:             .+s
    Task distribution:      .+s

  Overhead distribution:
    Spawn:                  .+%
    IPC:                    .+%
    Chunking:               .+%
"""


@pytest.fixture(scope="module")
def profile() -> DiagnosticProfile:
    found = optimize(slow, range(400), profile=True, n_jobs=2, executor_type="process").profile
    assert found is not None
    return found


def test_the_report_has_the_layout_of_the_guide(profile: DiagnosticProfile) -> None:
    text = profile.explain_decision()
    assert re.match(LAYOUT.rstrip(), text), text


def test_overhead_is_told_in_percent(profile: DiagnosticProfile) -> None:
    breakdown = profile.get_overhead_breakdown()
    assert breakdown.keys() == {"spawn", "ipc", "chunking"}
    assert sum(breakdown.values()) == pytest.approx(100)


def test_a_profile_has_the_names_of_the_guide(profile: DiagnosticProfile) -> None:
    assert profile.total_items == 400
    assert profile.sample_count >= 5
    assert profile.is_picklable
    assert profile.spawn_cost_measured
    assert profile.theoretical_max_speedup <= 2
    assert 0 < profile.speedup_efficiency <= 1
    assert profile.return_size_bytes is not None
    assert profile.estimated_result_memory == 400 * profile.return_size_bytes


@pytest.mark.parametrize(
    ("ratio", "word"), [(0.9, "cpu_bound"), (0.3, "io_bound"), (0.6, "mixed"), (None, "unknown")]
)
def test_the_kind_of_work_is_told_by_its_share_of_cores(
    profile: DiagnosticProfile, ratio: float | None, word: str
) -> None:
    assert dataclasses.replace(profile, cpu_time_ratio=ratio).workload_type == word


def test_what_was_not_measured_is_not_made_up() -> None:
    profile = optimize(square, [], profile=True).profile
    assert profile is not None
    assert profile.avg_execution_time is None
    assert profile.coefficient_of_variation is None
    assert profile.workload_type == "unknown"
    assert "Function execution time:  not measured" in profile.explain_decision()
    one = optimize(square, (n for n in range(5000)), profile=True).profile
    assert one is not None
    assert one.total_items is None
    assert one.estimated_serial_time is None


def test_memory_is_the_most_that_was_held_and_not_what_is_left() -> None:
    held = 300 << 20

    def hold(number: int) -> int:
        return len(bytearray(held)) + number

    profile = optimize(hold, range(3), profile=True).profile
    assert profile is not None
    assert profile.peak_memory_bytes is not None
    assert profile.peak_memory_bytes > held * 0.9


def test_units_suit_the_amount() -> None:
    assert [seconds(n) for n in (None, 0.0000012, 0.0123, 2.5, 124.5)] == [
        "not measured",
        "1.2µs",
        "12.3ms",
        "2.50s",
        "2m 4.5s",
    ]
    assert [size(n) for n in (None, 12, 1260, 9 << 20, 3 << 30)] == [
        "not measured",
        "12B",
        "1.23KB",
        "9.00MB",
        "3.00GB",
    ]
