"""What an archive costs: `cd test && python -m bench.archive [--attempts 1000000]`.

Fills an SQLite archive with flows as a recorder would, in its batches, then asks what pages ask,
each a hundred times with other values. Told are attempts a second, memory, and the 95th percentile
of each query. Nothing is compared with a limit: machines differ.
"""

from __future__ import annotations

import argparse
import random
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from sqlalchemy import Connection

from jobflows.archive import (
    Archive,
    AttemptFact,
    AttemptFilter,
    ErrorFilter,
    Fact,
    FlowFact,
    FlowFilter,
    KindOf,
    Known,
    attempts,
    errors,
    find_flow,
    flows,
    kinds,
    log_tail,
    points,
    runs,
    steps,
    summary,
    usage,
)

START = 1_700_000_000.0
DAY = 86_400.0
STEPS = 100
BATCH = 2_000
ROUNDS = 100
NAMESPACES, FAMILIES = 5, 40

Question = Callable[[Connection, random.Random], object]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--attempts", type=int, default=1_000_000)
    wanted = parser.parse_args().attempts
    with tempfile.TemporaryDirectory(prefix="jobflow-archive-") as folder:
        file = Path(folder) / "archive.db"
        with Archive.open(f"sqlite:///{file}", migrate=True) as archive:
            began = time.perf_counter()
            for batch in _batches(wanted):
                archive.write(batch)
            took = time.perf_counter() - began
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(f"{wanted} attempts in {took:.0f} s: {wanted / took:.0f} a second")
            print(f"{file.stat().st_size / (1 << 20):.0f} MiB on disk, {peak:.0f} MiB of memory")
            for name, ask in _questions(wanted // STEPS).items():
                taken = [_timed(archive, ask, random.Random(n)) for n in range(ROUNDS)]
                p95 = statistics.quantiles(taken, n=20)[-1]
                print(f"{name:34} median {statistics.median(taken):6.1f} ms   p95 {p95:6.1f} ms")


def _timed(archive: Archive, ask: Question, rng: random.Random) -> float:
    began = time.perf_counter()
    with archive.reading() as connection:
        ask(connection, rng)
    return (time.perf_counter() - began) * 1000


def _batches(wanted: int) -> Iterator[list[Fact]]:
    batch: list[Fact] = []
    for number in range(wanted // STEPS):
        batch += _flow(number)
        if len(batch) >= BATCH:
            yield batch
            batch = []
    yield batch


def _kind(number: int, step: int) -> KindOf:
    family = number % FAMILIES
    return KindOf(
        origin="cluster",
        namespace=f"team-{family % NAMESPACES}",
        family=f"family-{family}",
        name=f"step-{step}",
    )


def _flow(number: int) -> Iterator[Fact]:
    rng = random.Random(number)
    begun = START + number * 60.0
    kind_of = [_kind(number, step) for step in range(STEPS)]
    stands = {
        "phase": rng.choice(("Succeeded", "Succeeded", "Failed")),
        "reason": "",
        "message": "",
        "started": begun,
        "finished": begun + 600,
        "completed": STEPS,
        "total": STEPS,
    }
    id_, version = f"flow-{number:08}", number + 1
    yield FlowFact(
        flow={
            "id": id_,
            "origin": "cluster",
            "namespace": kind_of[0].namespace,
            "name": f"run-{number}",
            "family": kind_of[0].family,
            "run": 1,
            "created": begun,
            "deleted": None,
            "version": version,
            **stands,
        },
        run={"flow_id": id_, "run": 1, "version": version, **stands},
        steps=[
            {
                "flow_id": id_,
                "run": 1,
                "step": f"step-{step}",
                "position": step,
                "on_exit": False,
                "kind_id": kind_of[step].id,
                **{name: stands[name] for name in ("phase", "reason", "message")},
                "started": begun,
                "finished": begun + 10,
                "attempts": 1,
                **dict.fromkeys(("retries", "out_of_memory", "timeouts", "losses"), 0),
                "outputs": "{}",
                "tasks": "",
                "version": version,
            }
            for step in range(STEPS)
        ],
        kinds=kind_of,
    )
    for step in range(STEPS):
        failed = rng.random() < 0.05
        seconds = rng.lognormvariate(3, 1)
        cause = rng.choice(("Application", "Application", "OutOfMemory", "Disruption"))
        yield AttemptFact(
            flow_id=id_,
            step=f"step-{step}",
            attempt=1,
            kind=kind_of[step],
            version=(Known.POD_AND_LOG if failed else Known.POD).at(version),
            phase="Failed" if failed else "Succeeded",
            cause=cause if failed else "",
            reason="Error" if failed else "",
            message=f"container main exited with code {rng.randint(1, 9)}" if failed else "",
            exit_code=1 if failed else 0,
            started=begun,
            finished=begun + seconds,
            pod=f"run-{number}-step-{step}-1-abcde",
            node=f"node-{rng.randint(1, 50)}",
            memory=1 << 30,
            memory_request=1 << 29,
            cpu=1000,
            peak_memory=int(rng.lognormvariate(19, 0.5)),
            cpu_seconds=seconds * rng.random(),
            log_tail="line\n" * 20 + f"KeyError: {rng.randint(1, 300)} of {step % 30 * 'x'}"
            if failed
            else None,
        )


def _questions(made: int) -> dict[str, Question]:
    end = START + made * 60.0

    def any_flow(rng: random.Random) -> str:
        return f"flow-{rng.randrange(made):08}"

    def any_kind(rng: random.Random) -> str:
        return _kind(rng.randrange(FAMILIES), rng.randrange(STEPS)).id

    def week(rng: random.Random) -> float:
        return START + rng.random() * max(0.0, end - START - 7 * DAY)

    return {
        "the newest flows": lambda c, _: flows(c),
        "failed flows of a namespace": lambda c, r: flows(
            c, FlowFilter(phase="Failed", namespaces={f"team-{r.randrange(NAMESPACES)}"})
        ),
        "flows by a part of the name": lambda c, r: flows(
            c, FlowFilter(name_contains=f"{r.randrange(made)}")
        ),
        "a flow by name": lambda c, r: find_flow(c, f"run-{r.randrange(made)}"),
        "a flow's steps and runs": lambda c, r: (steps(c, f := any_flow(r)), runs(c, f)),
        "attempts of a flow": lambda c, r: attempts(c, AttemptFilter(flow_id=any_flow(r))),
        "the newest failures": lambda c, _: attempts(c, AttemptFilter(phase="Failed")),
        "a log": lambda c, r: log_tail(c, any_flow(r), "step-1", 1),
        "errors of all time": lambda c, _: errors(c),
        "errors of a week": lambda c, r: errors(
            c, ErrorFilter(since=(w := week(r)), until=w + 7 * DAY)
        ),
        "errors of a namespace": lambda c, r: errors(
            c, ErrorFilter(namespaces={f"team-{r.randrange(NAMESPACES)}"})
        ),
        "kinds": lambda c, _: kinds(c),
        "usage of a kind": lambda c, r: usage(c, any_kind(r)),
        "points of a kind": lambda c, r: points(c, any_kind(r)),
        "days": lambda c, _: summary(c, since=START, until=end),
    }


if __name__ == "__main__":
    main()
