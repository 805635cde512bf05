"""What the package costs before it does any work: its import, and `optimize` besides its probe.

Each figure is from an interpreter of its own; the smallest of the rounds counts.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from functools import partial

from bench.chunking.cell import go_before_others

_IMPORT = """
import json, time
def rss():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
before, began = rss(), time.perf_counter()
import jobflows.chunking
import jobflows.chunking.run
took = time.perf_counter() - began
print(json.dumps({"seconds": took, "megabytes": (rss() - before) / 1024}))
"""

_OPTIMIZE = """
import json, sys, time
try:
    from jobflows.chunking import optimize
except ImportError:
    print("{}")
    sys.exit()
inside = 0.0
def work(count):
    global inside
    began = time.perf_counter()
    x = 0
    for i in range(count):
        x = (x * 31 + i) & 0xFFFF
    inside += time.perf_counter() - began
    return x
began = time.perf_counter()
optimize(work, [20_000] * 2_000)
print(json.dumps({"seconds": time.perf_counter() - began - inside}))
"""


@dataclass(frozen=True, slots=True)
class Footprint:
    """One figure and its limit; `value` None: there is nothing to measure yet."""

    what: str
    value: float | None
    limit: float
    unit: str

    @property
    def kept(self) -> bool | None:
        return None if self.value is None else self.value < self.limit

    @property
    def shown(self) -> str:
        return "not there yet" if self.value is None else f"{self.value:.1f} {self.unit}"

    @property
    def limit_shown(self) -> str:
        return f"< {self.limit:.0f} {self.unit}"


def measure(rounds: int, nice: int = 0) -> list[Footprint]:
    """All figures."""
    imports = [_ask(_IMPORT, nice) for _ in range(rounds)]
    overheads = [answer for _ in range(rounds) if (answer := _ask(_OPTIMIZE, nice))]
    overhead = min((o["seconds"] for o in overheads), default=None)
    took = 1000 * min(i["seconds"] for i in imports)
    return [
        Footprint("import of jobflows.chunking", took, 60, "ms"),
        Footprint("its memory", min(i["megabytes"] for i in imports), 25, "MB"),
        Footprint(
            "optimize, besides the items it runs",
            None if overhead is None else 1000 * overhead,
            10,
            "ms",
        ),
    ]


def _ask(program: str, nice: int) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-c", program],
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
        start_new_session=True,
        preexec_fn=partial(go_before_others, nice),
    )
    answer: dict[str, float] = json.loads(done.stdout)
    return answer
