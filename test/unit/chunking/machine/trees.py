"""Other machines, as far as their files go: groups as pods, systemd and Docker make them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

MIB = 1 << 20
NO_LIMIT_V1 = "9223372036854771712"
V2_MOUNT = "31 23 0:27 {shown} /sys/fs/cgroup ro,nosuid - cgroup2 cgroup rw,nsdelegate"
V1_MOUNT = "32 31 0:3{number} {shown} /sys/fs/cgroup/{names} ro,nosuid - cgroup cgroup rw,{names}"


@dataclass(frozen=True)
class Tree:
    """Files of a machine, and what is to be found in them."""

    files: Mapping[str, str]
    quota: float | None = None
    limit: int | None = None
    usage: int | None = None
    left: int | None = None
    """Bytes that control groups leave; None without a limit."""
    throttled: int | None = None
    directories: tuple[str, ...] = field(default=())

    def grow(self, root: Path) -> Path:
        for name in self.directories:
            (root / name).mkdir(parents=True, exist_ok=True)
        for name, text in self.files.items():
            file = root / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return root


def v1_mounts(shown: str, *names: str) -> str:
    rows = (V1_MOUNT.format(number=n, shown=shown, names=name) for n, name in enumerate(names))
    return "\n".join(rows) + "\n"


def v2(group: str, shown: str, files: Mapping[str, str]) -> dict[str, str]:
    """Return a machine of version 2; the files are named from the mount."""
    return {
        "proc/self/cgroup": f"0::{group}\n",
        "proc/self/mountinfo": V2_MOUNT.format(shown=shown) + "\n",
        "sys/fs/cgroup/cgroup.controllers": "cpuset cpu io memory pids\n",
        **{f"sys/fs/cgroup/{name}": text for name, text in files.items()},
    }


TREES: dict[str, Tree] = {
    "a pod of version 2, in a namespace of its own": Tree(
        v2(
            "/",
            "/",
            {
                "cpu.max": "200000 100000\n",
                "cpu.stat": "usage_usec 7000000\nnr_periods 90\nnr_throttled 12\n"
                "throttled_usec 34000\n",
                "memory.max": f"{128 * MIB}\n",
                "memory.high": "max\n",
                "memory.current": f"{60 * MIB}\n",
                "memory.stat": f"anon {40 * MIB}\ninactive_file {10 * MIB}\n",
            },
        ),
        quota=2.0,
        limit=128 * MIB,
        usage=50 * MIB,
        left=78 * MIB,
        throttled=12,
    ),
    "a container of version 2 below a pod with tighter limits": Tree(
        v2(
            "/kubepods/pod1/c1",
            "/",
            {
                "kubepods/pod1/c1/cpu.max": "max 100000\n",
                "kubepods/pod1/c1/memory.max": f"{512 * MIB}\n",
                "kubepods/pod1/c1/memory.current": f"{20 * MIB}\n",
                "kubepods/pod1/cpu.max": "150000 100000\n",
                "kubepods/pod1/memory.max": f"{256 * MIB}\n",
                "kubepods/pod1/memory.current": f"{250 * MIB}\n",
                "kubepods/cpu.max": "800000 100000\n",
                "kubepods/memory.max": "max\n",
                "kubepods/memory.current": f"{300 * MIB}\n",
            },
        ),
        quota=1.5,
        limit=256 * MIB,
        usage=250 * MIB,
        left=6 * MIB,
    ),
    "a larger limit that is nearly used up, above a smaller one that is not": Tree(
        v2(
            "/pod/c",
            "/",
            {
                "pod/c/memory.max": f"{100 * MIB}\n",
                "pod/c/memory.current": f"{10 * MIB}\n",
                "pod/memory.max": f"{200 * MIB}\n",
                "pod/memory.current": f"{190 * MIB}\n",
            },
        ),
        limit=100 * MIB,
        usage=10 * MIB,
        left=10 * MIB,
    ),
    "a systemd slice that slows down at memory.high": Tree(
        v2(
            "/user.slice/user-1000.slice/run-r1.scope",
            "/",
            {
                "user.slice/cpu.max": "max 100000\n",
                "user.slice/user-1000.slice/cpu.max": "50000 100000\n",
                "user.slice/user-1000.slice/memory.high": f"{64 * MIB}\n",
                "user.slice/user-1000.slice/memory.max": f"{96 * MIB}\n",
                "user.slice/user-1000.slice/memory.current": f"{32 * MIB}\n",
                "user.slice/user-1000.slice/run-r1.scope/memory.max": "max\n",
                "user.slice/user-1000.slice/run-r1.scope/memory.current": f"{8 * MIB}\n",
            },
        ),
        quota=0.5,
        limit=64 * MIB,
        usage=32 * MIB,
        left=32 * MIB,
    ),
    "a bind mount of the own group of version 2": Tree(
        v2("/kubepods/pod1/c1", "/kubepods/pod1/c1", {"cpu.max": "300000 100000\n"}), quota=3.0
    ),
    "a process that was moved out of its namespace": Tree(
        v2("/../other", "/", {"cpu.max": "100000 100000\n"}), quota=1.0
    ),
    "an empty cpu.max": Tree(v2("/", "/", {"cpu.max": "", "memory.max": "\n"})),
    "a cpu.max that says nothing": Tree(v2("/", "/", {"cpu.max": "max", "memory.max": "max"})),
    "cpu.max and memory.max are directories": Tree(
        v2("/", "/", {}), directories=("sys/fs/cgroup/cpu.max", "sys/fs/cgroup/memory.max")
    ),
    "a group that has been removed": Tree(
        v2("/app.slice/x.scope (deleted)", "/", {"app.slice/cpu.max": "250000 100000\n"}),
        quota=2.5,
    ),
    "a pod of version 1, with its own groups as bind mounts": Tree(
        {
            "proc/self/cgroup": "5:memory:/kubepods/pod1/c1\n4:cpu,cpuacct:/kubepods/pod1/c1\n",
            "proc/self/mountinfo": v1_mounts("/kubepods/pod1/c1", "cpu,cpuacct", "memory"),
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "150000\n",
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "50000\n",
            "sys/fs/cgroup/cpu,cpuacct/cpu.stat": "nr_periods 9\nnr_throttled 4\n"
            "throttled_time 5000000\n",
            "sys/fs/cgroup/cpu,cpuacct/cpuacct.usage": "2500000000\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": f"{256 * MIB}\n",
            "sys/fs/cgroup/memory/memory.usage_in_bytes": f"{100 * MIB}\n",
            "sys/fs/cgroup/memory/memory.use_hierarchy": "1\n",
            "sys/fs/cgroup/memory/memory.stat": f"inactive_file {1 * MIB}\n"
            f"hierarchical_memory_limit {192 * MIB}\ntotal_inactive_file {30 * MIB}\n",
        },
        quota=3.0,
        limit=192 * MIB,
        usage=70 * MIB,
        left=122 * MIB,
        throttled=4,
    ),
    "version 1 without a quota, seen with all parents": Tree(
        {
            "proc/self/cgroup": "5:memory:/a/b\n4:cpu:/a/b\n1:name=systemd:/x\n",
            "proc/self/mountinfo": v1_mounts("/", "cpu", "memory"),
            "sys/fs/cgroup/cpu/a/b/cpu.cfs_quota_us": "-1\n",
            "sys/fs/cgroup/cpu/a/b/cpu.cfs_period_us": "100000\n",
            "sys/fs/cgroup/cpu/a/cpu.cfs_quota_us": "400000\n",
            "sys/fs/cgroup/cpu/a/cpu.cfs_period_us": "100000\n",
            "sys/fs/cgroup/memory/a/b/memory.limit_in_bytes": f"{NO_LIMIT_V1}\n",
            "sys/fs/cgroup/memory/a/b/memory.usage_in_bytes": f"{5 * MIB}\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": f"{NO_LIMIT_V1}\n",
        },
        quota=4.0,
        usage=5 * MIB,
    ),
    "version 1 of an old kernel, whose groups do not count what is below": Tree(
        {
            "proc/self/cgroup": "5:memory:/a/b\n",
            "proc/self/mountinfo": v1_mounts("/", "memory"),
            "sys/fs/cgroup/memory/a/b/memory.limit_in_bytes": f"{64 * MIB}\n",
            "sys/fs/cgroup/memory/a/b/memory.usage_in_bytes": f"{16 * MIB}\n",
            "sys/fs/cgroup/memory/a/memory.use_hierarchy": "0\n",
            "sys/fs/cgroup/memory/a/memory.limit_in_bytes": f"{8 * MIB}\n",
        },
        limit=64 * MIB,
        usage=16 * MIB,
        left=48 * MIB,
    ),
    "Docker with version 1, whose mount does not show the path of the group": Tree(
        {
            "proc/self/cgroup": "5:memory:/docker/c1\n4:cpu,cpuacct:/docker/c1\n",
            "proc/self/mountinfo": v1_mounts("/", "cpu,cpuacct", "memory"),
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "50000\n",
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": f"{32 * MIB}\n",
            "sys/fs/cgroup/memory/memory.usage_in_bytes": f"{33 * MIB}\n",
        },
        quota=0.5,
        limit=32 * MIB,
        usage=33 * MIB,
        left=0,
    ),
    "both versions: controllers in the first, nothing but a tree in the second": Tree(
        {
            "proc/self/cgroup": "9:name=systemd:/\n4:memory:/api/c1\n2:cpuacct:/\n1:cpu:/\n0::/\n",
            "proc/self/mountinfo": v1_mounts("/", "cpu", "cpuacct", "memory", "name=systemd")
            + "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
            "sys/fs/cgroup/cpu/cpu.stat": "nr_periods 0\n",
            "sys/fs/cgroup/unified/cgroup.controllers": "\n",
            "sys/fs/cgroup/memory/api/c1/memory.limit_in_bytes": f"{NO_LIMIT_V1}\n",
            "sys/fs/cgroup/memory/api/memory.limit_in_bytes": f"{900 * MIB}\n",
            "sys/fs/cgroup/memory/api/memory.usage_in_bytes": f"{100 * MIB}\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": f"{NO_LIMIT_V1}\n",
        },
        limit=900 * MIB,
        usage=100 * MIB,
        left=800 * MIB,
    ),
    "both versions: CPU in the first, memory in the second": Tree(
        {
            "proc/self/cgroup": "1:cpu:/job\n0::/job\n",
            "proc/self/mountinfo": v1_mounts("/", "cpu")
            + "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
            "sys/fs/cgroup/cpu/job/cpu.cfs_quota_us": "100000\n",
            "sys/fs/cgroup/cpu/job/cpu.cfs_period_us": "100000\n",
            "sys/fs/cgroup/unified/job/memory.max": f"{70 * MIB}\n",
            "sys/fs/cgroup/unified/job/memory.current": f"{30 * MIB}\n",
        },
        quota=1.0,
        limit=70 * MIB,
        usage=30 * MIB,
        left=40 * MIB,
    ),
    "a mount point with a blank in its name": Tree(
        {
            "proc/self/cgroup": "0::/\n",
            "proc/self/mountinfo": "31 23 0:27 / /mnt/my\\040groups rw - cgroup2 cgroup rw\n",
            "mnt/my groups/cpu.max": "700000 100000\n",
        },
        quota=7.0,
    ),
    "two mounts, of which the second shows the groups above": Tree(
        {
            "proc/self/cgroup": "0::/pod/c\n",
            "proc/self/mountinfo": V2_MOUNT.format(shown="/pod/c")
            + "\n44 23 0:27 / /host/cgroup rw - cgroup2 cgroup rw\n",
            "sys/fs/cgroup/cpu.max": "max 100000\n",
            "host/cgroup/pod/c/cpu.max": "max 100000\n",
            "host/cgroup/pod/cpu.max": "600000 100000\n",
        },
        quota=6.0,
    ),
    "a mount of the host in a namespace, which hides the names of the groups above": Tree(
        v2(
            "/inner",
            "/../..",
            {
                "pods/other/inner/cgroup.procs": "1\n2\n",
                "pods/other/inner/cpu.max": "100000 100000\n",
                "pods/own/inner/cgroup.procs": "41\n42\n",
                "pods/own/inner/cpu.max": "300000 100000\n",
                "pods/own/cpu.max": "200000 100000\n",
            },
        )
        | {"proc/self/stat": "42 (python) R 1 42 42"},
        quota=2.0,
    ),
    "the same, where the process is nowhere to be found": Tree(
        v2("/", "/..", {"own/cpu.max": "200000 100000\n", "cpu.max": "800000 100000\n"})
        | {"proc/self/stat": "42 (python) R 1 42 42"},
        quota=8.0,
    ),
    "a mount of the host, and one of the namespace": Tree(
        v2("/", "/..", {"cpu.max": "800000 100000\n"})
        | {
            "proc/self/mountinfo": V2_MOUNT.format(shown="/..")
            + "\n44 23 0:27 / /own/cgroup rw - cgroup2 cgroup rw\n",
            "own/cgroup/cpu.max": "200000 100000\n",
        },
        quota=2.0,
    ),
    "a mount that hides another at the same place": Tree(
        {
            "proc/self/cgroup": "1:cpu:/job\n",
            "proc/self/mountinfo": v1_mounts("/", "cpu") + v1_mounts("/job", "cpu"),
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "300000\n",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            "sys/fs/cgroup/cpu/job/cpu.cfs_quota_us": "100000\n",
            "sys/fs/cgroup/cpu/job/cpu.cfs_period_us": "100000\n",
        },
        quota=3.0,
    ),
    "no control groups": Tree(
        {
            "proc/self/cgroup": "",
            "proc/self/mountinfo": "22 1 8:1 / / rw - ext4 /dev/vda1 rw\nnonsense\n",
        }
    ),
    "a path of a group, but no mount": Tree({"proc/self/cgroup": "0::/pod\n"}),
    "not Linux": Tree({}),
}
