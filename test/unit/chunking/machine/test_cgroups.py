"""Quotas and limits of control groups, on machines of every kind that is known."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobflows.chunking.machine.cgroups import (
    MemoryGroup,
    cpu_quota,
    cpu_seconds,
    cpu_throttling,
    memory_groups,
    memory_limit,
    memory_usage,
)
from jobflows.chunking.machine.hierarchy import levels
from unit.chunking.machine.trees import MIB, TREES, Tree, v2

every_tree = pytest.mark.parametrize("tree", TREES.values(), ids=TREES.keys())


@every_tree
def test_the_tightest_quota_of_all_groups_counts(tree: Tree, tmp_path: Path) -> None:
    assert cpu_quota(tree.grow(tmp_path)) == tree.quota


@every_tree
def test_the_tightest_memory_limit_of_all_groups_counts(tree: Tree, tmp_path: Path) -> None:
    root = tree.grow(tmp_path)
    assert memory_limit(root) == tree.limit
    assert memory_usage(root) == tree.usage


@every_tree
def test_the_group_that_is_fullest_leaves_the_least(tree: Tree, tmp_path: Path) -> None:
    left = [group.left for group in memory_groups(tree.grow(tmp_path)) if group.left is not None]
    assert min(left, default=None) == tree.left


@every_tree
def test_throttling_is_that_of_the_group_with_the_quota(tree: Tree, tmp_path: Path) -> None:
    throttling = cpu_throttling(tree.grow(tmp_path))
    assert (throttling and throttling.throttled) == tree.throttled


@pytest.mark.parametrize(
    ("name", "seconds", "waited"),
    [
        ("a pod of version 2, in a namespace of its own", 7.0, 0.034),
        ("a pod of version 1, with its own groups as bind mounts", 2.5, 0.005),
    ],
)
def test_cpu_time_is_read_in_the_units_of_each_version(
    name: str, seconds: float, waited: float, tmp_path: Path
) -> None:
    root = TREES[name].grow(tmp_path)
    assert cpu_seconds(root) == seconds
    throttling = cpu_throttling(root)
    assert throttling is not None
    assert throttling.seconds == pytest.approx(waited)


def test_groups_are_listed_from_the_own_one_upwards(tmp_path: Path) -> None:
    root = TREES["a container of version 2 below a pod with tighter limits"].grow(tmp_path)
    mount = f"{root}/sys/fs/cgroup"
    places = [f"{mount}/kubepods/pod1/c1", f"{mount}/kubepods/pod1", f"{mount}/kubepods", mount]
    assert [level.directory for level in levels("memory", root)] == places


_GROUP = st.text("abc", min_size=1, max_size=3)
_MICROSECONDS = st.none() | st.integers(1000, 10_000_000)


@given(path=st.lists(_GROUP, max_size=4), quotas=st.lists(_MICROSECONDS, min_size=5, max_size=5))
def test_no_group_above_is_forgotten(
    path: list[str], quotas: list[int | None], tmp_path_factory: pytest.TempPathFactory
) -> None:
    places = ["/".join(path[:depth]) for depth in range(len(path) + 1)]
    files = {
        f"{place}/cpu.max".lstrip("/"): f"{'max' if quota is None else quota} 100000\n"
        for place, quota in zip(places, quotas, strict=False)
    }
    root = Tree(v2("/" + "/".join(path), "/", files)).grow(tmp_path_factory.mktemp("machine"))
    known = [quota / 100_000 for quota in quotas[: len(places)] if quota is not None]
    assert cpu_quota(root) == min(known, default=None)


@given(text=st.text())
def test_nothing_that_a_file_says_is_an_error(
    text: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("machine")
    files = ("cpu.max", "cpu.stat", "memory.max", "memory.high", "memory.current", "memory.stat")
    Tree(v2("/", "/", dict.fromkeys(files, text.encode(errors="ignore").decode()))).grow(root)
    quota, limit = cpu_quota(root), memory_limit(root)
    assert quota is None or quota > 0
    assert limit is None or limit >= 0
    for name in ("cgroup", "mountinfo"):
        (root / "proc/self" / name).write_text(text, errors="ignore")
        cpu_quota(root)
        memory_usage(root)


def test_a_group_above_its_limit_leaves_nothing() -> None:
    assert MemoryGroup(limit=MIB, usage=2 * MIB).left == 0
    assert MemoryGroup(limit=MIB, usage=None).left == MIB
    assert MemoryGroup(limit=None, usage=MIB).left is None


def test_this_machine_can_be_asked() -> None:
    quota, limit = cpu_quota(), memory_limit()
    assert quota is None or quota > 0
    assert limit is None or limit > 0
