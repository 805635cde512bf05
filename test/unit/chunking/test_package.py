"""What `jobflows.chunking` has, and that to import it costs next to nothing."""

from __future__ import annotations

import subprocess
import sys

import pytest

import jobflows.chunking

NAMES = [
    "AdaptiveResult",
    "Cache",
    "DiagnosticProfile",
    "Halted",
    "ItemError",
    "MapRun",
    "OptimizationResult",
    "Options",
    "Report",
    "StreamingResult",
    "ValidationReport",
    "benchmark_validate",
    "execute",
    "execute_batch",
    "optimize",
    "optimize_streaming",
    "optimize_with_adaptive_chunking",
]
HEAVY = ["multiprocessing", "asyncio", "numpy", "ctypes", "pydantic", "matplotlib"]


def test_the_names_are_these() -> None:
    assert jobflows.chunking.__all__ == NAMES
    assert set(NAMES) <= set(dir(jobflows.chunking))
    for name in NAMES:
        found = getattr(jobflows.chunking, name)
        assert found.__name__ == name
        assert found.__doc__
    with pytest.raises(AttributeError, match="has no attribute 'optimise'"):
        _ = jobflows.chunking.optimise


def test_no_module_has_the_name_of_what_the_package_offers() -> None:
    """Its import would put the module in the place of the function."""
    modules = [name for name in NAMES if f"jobflows.chunking.{name}" in sys.modules]
    assert modules == []


def test_no_name_costs_an_import_that_is_not_needed() -> None:
    program = f"""
import importlib, sys
package = importlib.import_module("jobflows.chunking")
for name in ["__name__", *{NAMES}]:
    getattr(package, name)
    print(name, [heavy for heavy in {HEAVY} if heavy in sys.modules])
"""
    run = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert run.stdout.splitlines() == [f"{name} []" for name in ["__name__", *NAMES]]


def test_an_import_costs_little_time_and_memory() -> None:
    program = """
import time
began = time.process_time()
import jobflows.chunking
print(time.process_time() - began)
with open("/proc/self/status") as status:
    print(next(int(line.split()[1]) for line in status if line.startswith("VmHWM")))
"""
    run = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    seconds, kilobytes = map(float, run.stdout.split())
    assert seconds < 0.06
    assert kilobytes < 25_000
