"""Examples of `system_info` and `cost_model`: programs as users of Amorsize write them, run whole.

Each must run as it stands, once the import names this project.
"""

import math
import re
import subprocess
import sys

import pytest

EXAMPLES = {
    "the cost of a worker": (
        """
from jobflows.chunking.system_info import measure_spawn_cost, get_multiprocessing_start_method

spawn_cost = measure_spawn_cost()
start_method = get_multiprocessing_start_method()
print(f"Start method: {start_method}, Spawn cost: {spawn_cost*1000:.1f}ms")
""",
        r"Start method: (fork|forkserver|spawn), Spawn cost: \d+\.\dms\n",
    ),
    "the cost of a claim": (
        """
from jobflows.chunking.system_info import measure_chunking_overhead

print(f"{measure_chunking_overhead()*1e6:.1f} µs")
""",
        r"\d+\.\d µs\n",
    ),
    "caches": (
        """
from jobflows.chunking.cost_model import detect_system_topology, estimate_cache_coherency_overhead

topology = detect_system_topology(physical_cores=8)
print(f"L1: {topology.cache_info.l1_size/1024:.0f}KB")
print(f"L2: {topology.cache_info.l2_size/1024:.0f}KB")
print(f"L3: {topology.cache_info.l3_size/(1024**2):.0f}MB")

# Estimate cache overhead for your workload
overhead = estimate_cache_coherency_overhead(
    n_jobs=8,
    data_size_per_item=1024,  # 1KB per item
    cache_info=topology.cache_info,
    numa_info=topology.numa_info
)
print(f"Cache coherency overhead: {(overhead-1)*100:.1f}%")
""",
        r"L1: \d+KB\nL2: \d+KB\nL3: \d+MB\nCache coherency overhead: \d+\.\d%\n",
    ),
    "memory nodes": (
        """
from jobflows.chunking.cost_model import detect_system_topology

# Check for NUMA architecture
topology = detect_system_topology(physical_cores=64)
if topology.numa_info.has_numa:
    # Limit workers per NUMA node to avoid cross-node penalties
    workers_per_node = topology.numa_info.cores_per_node
    print(f"NUMA detected: {topology.numa_info.numa_nodes} nodes, "
          f"{workers_per_node} cores/node")
else:
    print("no NUMA")
nodes = topology.numa_info.numa_nodes
cores_per_node = topology.numa_info.cores_per_node
assert nodes * cores_per_node <= 64
""",
        r"(NUMA detected: \d+ nodes, \d+ cores/node|no NUMA)\n",
    ),
    "load": (
        """
from jobflows.chunking.system_info import (
    calculate_load_aware_workers,
    get_physical_cores,
    get_current_cpu_load,
    get_memory_pressure
)

# Check current system load
cpu_load = get_current_cpu_load()
memory_pressure = get_memory_pressure()
print(f"CPU: {cpu_load:.1f}%, Memory: {memory_pressure:.1f}%")

# Automatically reduce workers if system is busy
physical_cores = get_physical_cores()
optimal_workers = calculate_load_aware_workers(
    physical_cores=physical_cores,
    estimated_job_ram=1024*1024*1024,  # 1GB per job
    cpu_threshold=70.0,    # Reduce if CPU > 70%
    memory_threshold=75.0, # Reduce if memory > 75%
    aggressive_reduction=True  # More aggressive under load
)
assert 1 <= optimal_workers <= physical_cores
""",
        r"CPU: \d+\.\d%, Memory: \d+\.\d%\n",
    ),
    "memory of a container": (
        """
from jobflows.chunking.system_info import get_available_memory
import os

# Check cgroup memory limit
memory_bytes = get_available_memory()
memory_gb = memory_bytes / (1024**3)
print(f"Container memory limit: {memory_gb:.1f}GB")
""",
        r"Container memory limit: \d+\.\dGB\n",
    ),
}


@pytest.mark.parametrize(("program", "prints"), EXAMPLES.values(), ids=EXAMPLES.keys())
def test_an_example_runs_as_it_stands(program: str, prints: str) -> None:
    command = [sys.executable, "-W", "error", "-c", program]
    run = subprocess.run(command, check=False, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert re.fullmatch(prints, run.stdout), run.stdout
    assert str(math.inf) not in run.stdout
