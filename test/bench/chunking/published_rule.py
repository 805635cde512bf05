"""The chunking rule that Amorsize publishes, written anew from its description.

Source: github.com/CampbellTrevor/Amorsize, branch Iterate, commit c81957b (January 2026),
`amorsize/optimizer.py` and `docs/PERFORMANCE_TUNING.md`. The first five items are run for their
times and thrown away; a chunk is 0.2 s of work, less if the times vary, and a tenth of the items at
most; workers are the physical cores; waiting is told by CPU time over wall time. Left out, in its
favour: its memory tracing of the dry run, which slows items several times, and its measurements of
process start, for which its own defaults stand here.
"""

from __future__ import annotations

import math
import multiprocessing
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

SAMPLE = 5
CHUNK_SECONDS = 0.2
START_SECONDS = 0.015
"""A process by fork."""
CHUNK_OVERHEAD = 0.0005
WORTH = 1.2
"""Predicted speed-up below which it stays serial."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What the rule decides."""

    workers: int
    chunk: int
    threads: bool


def choose(times: Sequence[float], cpu_share: float, count: int, cores: int) -> Choice:
    """Workers and chunk size from the times of the first items."""
    if count < 1 or not times:
        return Choice(1, 1, threads=False)
    mean = statistics.fmean(times)
    chunk = max(1, int(CHUNK_SECONDS / mean)) if mean > 0 else count
    spread = statistics.stdev(times) / mean if len(times) > 1 and mean > 0 else 0.0
    if spread > 0.5:
        chunk = max(1, int(chunk * max(0.25, 1 - spread / 2)))
    chunk = max(1, min(chunk, count // 10 or 1))
    serial = mean * count
    parallel = START_SECONDS * cores + serial / cores + CHUNK_OVERHEAD * math.ceil(count / chunk)
    if cores < 2 or serial / parallel < WORTH:
        return Choice(1, chunk, threads=False)
    return Choice(cores, chunk, threads=cpu_share < 0.3)


def run(function: Callable[[Any], Any], items: Sequence[Any], cores: int) -> list[Any]:
    """A dry run, the choice, then all items from the first."""
    times = []
    cpu = time.process_time()
    began = time.perf_counter()
    for item in items[:SAMPLE]:
        start = time.perf_counter()
        function(item)
        times.append(time.perf_counter() - start)
    wall = time.perf_counter() - began
    share = (time.process_time() - cpu) / wall if wall > 0 else 1.0
    choice = choose(times, share, len(items), cores)
    if choice.workers == 1:
        return [function(item) for item in items]
    if choice.threads:
        with ThreadPoolExecutor(choice.workers) as threads:
            return list(threads.map(function, items))
    with multiprocessing.Pool(choice.workers) as pool:
        results = pool.map(function, items, chunksize=choice.chunk)
        pool.close()
        pool.join()
    return results
