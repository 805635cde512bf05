"""One method on one workload in an interpreter of its own: prints one line of JSON.

Wall time begins before the workers start and ends when they are gone. CPU time is that of this
process and of the children it waited for. What others took of the machine meanwhile is told, too:
a cell that shared its cores says little.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import resource
import sys
import time
from pathlib import Path

from bench.chunking.methods import METHODS
from bench.chunking.workloads import WORKLOADS

TICK = os.sysconf("SC_CLK_TCK")


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("workload")
    parser.add_argument("method")
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--cores", type=int, required=True)
    parser.add_argument("--nice", type=int, default=0)
    options = parser.parse_args()
    go_before_others(options.nice)
    workload = next(w for w in WORKLOADS if w.name == options.workload)
    method = next(m for m in METHODS if m.name == options.method)
    run = method.prepare()
    items = workload.items(options.rate, options.scale)
    if workload.needs:
        workload.function(items[0])  # its import is not timed, with any method
    gc.collect()

    machine, cpu, began = busy_seconds(), cpu_seconds(), time.perf_counter()
    outcome = run(workload.function, items, options.cores)
    seconds = time.perf_counter() - began
    own, machine_wide = cpu_seconds() - cpu, busy_seconds() - machine

    problem = workload.check(items, outcome.results) if method.keeps else ""
    if problem:
        print(f"{options.method} on {options.workload}: {problem}", file=sys.stderr)
        return 1
    room = seconds * (os.cpu_count() or 1)
    others = max(0.0, machine_wide - own) / room if seconds >= 0.1 else None
    print(json.dumps({"seconds": seconds, "cpu": own, "others": others, "said": outcome.said}))
    return 0


def go_before_others(nice: int) -> None:
    """Set the priority; also of this session, which is all that counts where those are groups."""
    if not nice:
        return
    os.setpriority(os.PRIO_PROCESS, 0, nice)
    group = Path("/proc/self/autogroup")
    if group.exists():
        group.write_text(str(nice))


def cpu_seconds() -> float:
    """Of this process and the children that it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


def busy_seconds() -> float:
    """CPU seconds that everybody on the machine has used, or that its host took from it."""
    try:
        fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
    except OSError:
        return 0.0
    idle = int(fields[3]) + int(fields[4])
    return (sum(map(int, fields)) - idle) / TICK


if __name__ == "__main__":
    sys.exit(main())
