"""Caches and memory nodes, as files of the kernel show them."""

from pathlib import Path

from jobflows.chunking.cost_model import detect_system_topology
from jobflows.chunking.machine.topology import caches, nodes
from unit.chunking.machine.trees import Tree


def _cache(cpu: int, index: int, *, level: int, kind: str, size: str, cpus: str) -> dict[str, str]:
    place = f"sys/devices/system/cpu/cpu{cpu}/cache/index{index}"
    fields = {"level": str(level), "type": kind, "size": size, "shared_cpu_list": cpus}
    return {f"{place}/{name}": text + "\n" for name, text in fields.items()} | {
        f"{place}/coherency_line_size": "64\n"
    }


def two_nodes() -> Tree:
    """Return a machine of two nodes with two cores each, of which each node has its third cache."""
    files = {
        "sys/devices/system/cpu/online": "0-3\n",
        "sys/devices/system/node/online": "0-2\n",
        "sys/devices/system/node/node0/cpulist": "0-1\n",
        "sys/devices/system/node/node0/distance": "10 21 17\n",
        "sys/devices/system/node/node1/cpulist": "2-3\n",
        "sys/devices/system/node/node1/distance": "21 10 25\n",
        "sys/devices/system/node/node2/cpulist": "\n",  # memory only
        "sys/devices/system/node/node2/distance": "17 25 10\n",
    }
    for cpu in range(4):
        node = "0-1" if cpu < 2 else "2-3"
        files |= _cache(cpu, 0, level=1, kind="Data", size="32K", cpus=str(cpu))
        files |= _cache(cpu, 1, level=1, kind="Instruction", size="64K", cpus=str(cpu))
        files |= _cache(cpu, 2, level=2, kind="Unified", size="1024K", cpus=str(cpu))
        files |= _cache(cpu, 3, level=3, kind="Unified", size="16M", cpus=node)
        files[f"sys/devices/system/cpu/cpu{cpu}/topology/core_cpus_list"] = f"{cpu}\n"
    return Tree(files)


def test_a_shared_cache_is_one_cache(tmp_path: Path) -> None:
    found = caches(two_nodes().grow(tmp_path))
    assert [cache.level for cache in found] == [1, 1, 1, 1, 2, 2, 2, 2, 3, 3]
    assert found[0].size == 32 << 10
    assert [sorted(cache.cpus) for cache in found if cache.level == 3] == [[0, 1], [2, 3]]
    assert all(cache.line_size == 64 for cache in found)


def test_nodes_without_cpus_are_left_out(tmp_path: Path) -> None:
    found = nodes(two_nodes().grow(tmp_path))
    assert [(node.number, sorted(node.cpus)) for node in found] == [(0, [0, 1]), (1, [2, 3])]


def test_the_topology_has_sizes_in_bytes_and_cores_of_a_node(tmp_path: Path) -> None:
    topology = detect_system_topology(root=two_nodes().grow(tmp_path))
    assert topology.physical_cores == topology.logical_cores == 4
    cache = topology.cache_info
    assert (cache.l1_size, cache.l2_size, cache.l3_size) == (32 << 10, 1 << 20, 16 << 20)
    assert (cache.l2_cpus, cache.l3_cpus, cache.cache_line_size) == (1, 2, 64)
    numa = topology.numa_info
    assert (numa.has_numa, numa.numa_nodes, numa.cores_per_node) == (True, 2, 2)
    assert numa.cpus == ((0, 1), (2, 3))


def test_a_machine_that_shows_nothing_has_one_node_and_unknown_caches(tmp_path: Path) -> None:
    topology = detect_system_topology(physical_cores=8, root=tmp_path)
    assert topology.cache_info.l1_size == topology.cache_info.l3_size == 0
    numa = topology.numa_info
    assert (numa.has_numa, numa.numa_nodes, numa.cores_per_node) == (False, 1, 8)


def test_files_that_say_nothing_are_caches_of_unknown_size(tmp_path: Path) -> None:
    files = _cache(0, 0, level=3, kind="Unified", size="", cpus="") | {
        "sys/devices/system/cpu/online": "0\n"
    }
    (only,) = caches(Tree(files).grow(tmp_path))
    assert (only.size, only.cpus) == (0, frozenset({0}))
