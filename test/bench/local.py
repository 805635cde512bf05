"""`make bench-local`: runs on this machine against what the machine can do, as ratios of one run.

    throughput   no-op tasks a second, beside those of `xargs -P`
    latency      from a step to the one that waits for it, both programs that end at once
    resume       a run of many tasks is reopened and ends
    memory       of the runner, at its highest
    help         `jobflow --help`

Each round measures all of them one after the other; the table shows the medians.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from jobflows.local import Store

JOBFLOW = (sys.executable, "-c", "from jobflows.cli.entry import main; main()")
TRUE = "/bin/true"


class Row(NamedTuple):
    """One line of the table; `good` is whether the budget is kept."""

    what: str
    measured: str
    budget: str
    good: bool


class Spent(NamedTuple):
    """What a command took. On a busy machine its CPU time says more than the clock."""

    seconds: float
    cpu_seconds: float
    mebibytes: float

    def __str__(self) -> str:
        return f"{self.seconds:.2f} s ({self.cpu_seconds:.2f} s of CPU)"


def task_flow(steps: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "apiVersion": "workflow.kube-zen.io/v1alpha1",
        "kind": "JobFlow",
        "metadata": {"name": "bench"},
        "spec": {"steps": steps},
    }


def step(name: str, command: list[str], **fields: Any) -> dict[str, Any]:
    pod = {"containers": [{"name": "main", "image": "busybox:1.36", "command": command}]}
    return {"name": name, "template": {"spec": {"template": {"spec": pod}}}, **fields}


class Bench:
    """One directory, in which everything is measured."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._cores = len(os.sched_getaffinity(0))
        self._environment = {**os.environ, "JOBFLOW_HOME": str(folder / "home")}

    def xargs(self, tasks: int) -> float:
        """Tasks a second of the simplest thing that runs so many at once."""
        numbers = "\n".join(map(str, range(tasks)))
        began = time.perf_counter()
        command = ["xargs", "-P", str(self._cores), "-n", "1", TRUE]
        subprocess.run(command, input=numbers, text=True, check=True)
        return tasks / (time.perf_counter() - began)

    def tasks(self, tasks: int) -> float:
        """Tasks a second between the first start and the last end of a run."""
        self._run(task_flow([step("many", [TRUE], array={"count": tasks})]))
        return tasks / self._span()

    def steps(self, steps: int) -> float:
        """The same, where each is a step of its own."""
        self._run(task_flow([step(f"s{i}", [TRUE]) for i in range(steps)]))
        return steps / self._span()

    def latency(self, length: int) -> float:
        """Seconds from one step of a chain to the next, the median: each is a program that tells
        the time, so this has the start and the end of a process in it."""
        tell = ["date", "+%s.%N"]
        links = [
            step(f"s{i}", tell, dependencies=[f"s{i - 1}"] if i else []) for i in range(length)
        ]
        self._run(task_flow(links))
        with Store.open(self._folder / "home") as store:
            run = store.run("bench")
            logs = [run.logs(f"s{i}", 1)[0] for i in range(length)]
        times = [float(log.read_text()) for log in logs]
        return statistics.median(after - before for before, after in pairwise(times))

    def resume(self, flow: dict[str, Any]) -> Spent:
        """Resume a run of which one step failed."""
        mended = self._folder / "mended"
        last = step(
            "last", ["test", "-e", str(mended)], dependencies=[flow["spec"]["steps"][0]["name"]]
        )
        flow["spec"]["steps"].append(last)
        mended.unlink(missing_ok=True)
        self._run(flow, code=1)
        mended.touch()
        return self._measured("resume", "bench", "--quiet")

    def help(self) -> float:
        """Seconds of `jobflow --help`."""
        return self._measured("--help").seconds

    def _run(self, flow: dict[str, Any], code: int = 0) -> float:
        file = self._folder / "flow.json"
        file.write_text(json.dumps(flow))
        return self._measured("run", str(file), "--quiet", code=code).mebibytes

    def memory(self, flow: dict[str, Any]) -> float:
        """MiB that the runner needs at most."""
        return self._run(flow)

    def _measured(self, *words: str, code: int = 0) -> Spent:
        began = time.perf_counter()
        process = subprocess.Popen(
            [*JOBFLOW, *words],
            env=self._environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        _, status, usage = os.wait4(process.pid, 0)
        took = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == code, f"jobflow {' '.join(words)}: {process.returncode}"
        return Spent(took, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)

    def _span(self) -> float:
        with Store.open(self._folder / "home") as store:
            attempts = store.run("bench").attempts()
        ends = [a.finished for a in attempts if a.finished is not None]
        return max(ends) - min(a.started for a in attempts)


def main() -> int:
    options = _options()
    many = options.tasks
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))

        def median(measure: Callable[[], float]) -> float:
            return statistics.median(measure() for _ in range(options.rounds))

        simple = median(lambda: bench.xargs(many))
        tasks, steps = median(lambda: bench.tasks(many)), median(lambda: bench.steps(many))
        latency = median(lambda: bench.latency(100))
        large = options.large
        array = task_flow([step("many", [TRUE], array={"count": large})])
        resume = bench.resume(array)
        own = task_flow([step(f"s{i}", [TRUE]) for i in range(large - 1)])
        resume_steps = bench.resume(own)
        peak = bench.memory(task_flow([step(f"s{i}", [TRUE]) for i in range(large - 1)]))
        shown = median(bench.help)
    rows = [
        _rate(f"{many} tasks of an array", tasks, simple),
        _rate(f"{many} steps", steps, simple),
        Row("dependency latency", f"{latency * 1000:.1f} ms", "< 20 ms", latency < 0.02),
        Row(f"resume, {large} tasks", str(resume), "< 2 s", resume.seconds < 2),
        Row(f"resume, {large} steps", str(resume_steps), "< 2 s", resume_steps.seconds < 2),
        Row(f"memory, {large} steps", f"{peak:.0f} MiB", "< 150 MiB", peak < 150),
        Row("jobflow --help", f"{shown * 1000:.0f} ms", "< 200 ms", shown < 0.2),
    ]
    print(f"xargs -P: {simple:.0f} tasks/s\n")
    print("| what | measured | budget | |\n|---|---|---|---|")
    for row in rows:
        print(
            f"| {row.what} | {row.measured} | {row.budget} | {'kept' if row.good else 'MISSED'} |"
        )
    return 0 if all(row.good for row in rows) else 1


def _rate(what: str, rate: float, simple: float) -> Row:
    ratio = rate / simple
    return Row(what, f"{rate:.0f}/s = {ratio:.0%} of xargs", ">= 50 %", ratio >= 0.5)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench-local", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="runs of each (default: 3)")
    parser.add_argument("--tasks", type=int, default=1000, help="no-op tasks (default: 1000)")
    parser.add_argument("--large", type=int, default=10_000, help="a large run (default: 10000)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
