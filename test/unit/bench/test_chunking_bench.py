"""The benchmark measures what it says: right results, one cell a round, verdicts by the budgets."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.chunking.footprint import Footprint
from bench.chunking.methods import METHODS
from bench.chunking.published_rule import Choice, choose
from bench.chunking.tables import missed
from bench.chunking.verdicts import Cell, Measured, verdicts
from bench.chunking.workloads import WORKLOADS, Workload

TEST = Path(__file__).parents[2]


def _workload(name: str) -> Workload:
    return next(workload for workload in WORKLOADS if workload.name == name)


def _bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bench.chunking", "--rounds", "1", "--scale", "0.01", *arguments],
        cwd=TEST,
        env=os.environ | {"PYTHONPATH": str(TEST.parent / "operator")},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_each_method_runs_each_workload_once_a_round(tmp_path: Path) -> None:
    file = tmp_path / "table.md"
    methods = ("--methods", "serial,ours,pool,threads64", "--workloads", "tiny,sleep,none")
    done = _bench(*methods, "--markdown", str(file), "--no-footprint")
    assert done.returncode == 0, done.stderr
    cells = [line.split()[2:4] for line in done.stderr.splitlines() if line.startswith("round 1:")]
    assert sorted(map(tuple, cells)) == [
        ("none", "ours"),
        ("none", "serial"),
        ("sleep", "ours"),
        ("sleep", "pool"),
        ("sleep", "serial"),
        ("sleep", "threads64"),
        ("tiny", "ours"),
        ("tiny", "pool"),
        ("tiny", "serial"),
    ]
    table = file.read_text()
    assert "10 µs x 100,000" in table
    assert table.strip() == done.stdout.strip()


def test_an_unknown_name_is_answered_with_the_known() -> None:
    done = _bench("--methods", "serial,pol")
    assert done.returncode == 1
    assert "pol is unknown: choose from serial, apart, ours, pool" in done.stderr


@pytest.mark.parametrize(
    "workload", [w for w in WORKLOADS if not w.missing], ids=lambda workload: workload.name
)
def test_a_workload_tells_lost_and_swapped_results(workload: Workload) -> None:
    items = workload.items(rate=100_000.0, scale=0.02)
    results = [workload.function(item) for item in items]
    assert workload.check(items, results) == ""
    if items:
        assert (
            workload.check(items, results[1:]) == f"{len(items) - 1} results of {len(items)} items"
        )
    if len(items) > 1:
        swapped = [results[1], results[0], *results[2:]]
        assert workload.check(items, swapped) == "result 0 belongs to another item"


def test_items_are_the_same_in_each_interpreter() -> None:
    pareto = _workload("pareto").items(rate=1_000_000)
    assert len(pareto) == 300
    assert min(pareto) >= 1_000
    assert max(pareto) <= 50_000
    assert sorted(pareto) == _workload("ascending").items(rate=1_000_000)
    assert pareto != sorted(pareto)


def _measured(name: str, share: float = 0.0, **seconds: float) -> Measured:
    rounds = {method: [Cell(took + 1), Cell(took)] for method, took in seconds.items()}
    return Measured(_workload(name), share, cores=2, rounds=rounds)


@pytest.mark.parametrize(
    ("share", "ours", "kept"),
    [(0.01, 1.035, True), (0.01, 1.036, False), (0.75, 1.549, True), (0.75, 1.551, False)],
)
def test_work_is_held_against_an_equal_share_or_the_longest_item(
    share: float, ours: float, kept: bool
) -> None:
    measured = _measured("1ms", share, serial=2.0, ours=ours)
    assert verdicts(measured, ())["bound"].kept is kept


@pytest.mark.parametrize(("ours", "kept"), [(0.065, True), (0.067, False)])
def test_waiting_is_held_against_64_threads(ours: float, kept: bool) -> None:
    measured = _measured("sleep", serial=2.5, ours=ours, threads64=0.06)
    assert verdicts(measured, ())["bound"].kept is kept


@pytest.mark.parametrize(("ours", "kept"), [(0.0049, True), (0.0051, False)])
def test_the_smallest_are_held_against_the_plain_loop_only(ours: float, kept: bool) -> None:
    found = verdicts(_measured("none", serial=0.0, ours=ours), ())
    assert set(found) == {"serial"}
    assert found["serial"].kept is kept


@pytest.mark.parametrize(
    ("ours", "pool", "kept"), [(1.1, 1.2, True), (1.3, 1.2, False), (1.03, 1.01, True)]
)
def test_a_peer_may_be_level_only_at_the_bound(ours: float, pool: float, kept: bool) -> None:
    measured = _measured("1ms", serial=2.0, ours=ours, pool=pool, loky=3.0)
    assert verdicts(measured, ("pool", "loky"))["peers"].kept is kept


def test_the_prediction_is_judged_by_its_median_error() -> None:
    cells = [Cell(1.0, said={"predicted_seconds": p}) for p in (1.02, 1.09, 1.5)]
    measured = Measured(_workload("1ms"), 0.0, 2, {"ours": cells})
    verdict = verdicts(measured, ())["prediction"]
    assert verdict.measured == pytest.approx(0.09)
    assert verdict.kept
    assert missed([measured], (), [Footprint("import", 61, 60, "ms")]) == 1


def test_what_was_not_measured_is_neither_kept_nor_missed() -> None:
    measured = _measured("1ms", ours=1.0)
    assert {verdict.kept for verdict in verdicts(measured, ()).values()} == {None}


@pytest.mark.parametrize(
    ("seconds", "cpu_share", "count", "choice"),
    [
        (0.001, 1.0, 2_000, Choice(2, 200, threads=False)),
        (0.020, 1.0, 200, Choice(2, 10, threads=False)),
        (10e-6, 1.0, 100_000, Choice(2, 10_000, threads=False)),
        (0.005, 0.1, 500, Choice(2, 40, threads=True)),
        (10e-6, 1.0, 100, Choice(1, 10, threads=False)),
    ],
)
def test_the_published_rule(seconds: float, cpu_share: float, count: int, choice: Choice) -> None:
    assert choose([seconds] * 5, cpu_share, count, cores=2) == choice


def test_method_names_are_unique() -> None:
    assert len({method.name for method in METHODS}) == len(METHODS)
