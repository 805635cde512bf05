"""Starts processes that outlive this one, and ends exactly those.

Rule: a process is known by its id **and** its start time in this boot, so that a process which got
a dead one's id is never touched. The child writes the record itself before it becomes the program:
there is no moment in which it runs unrecorded, however abruptly the caller is killed.
"""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from cluster.errors import ClusterError
from cluster.paths import State

_POLL = 0.01

# A child forgotten while it runs is reported as a leak; these are meant to outlive this process.
_children: list[subprocess.Popen[bytes]] = []


@dataclass(frozen=True, slots=True)
class Process:
    """A started process: the part it plays, its id, and what makes that id its own."""

    name: str
    pid: int
    started: int
    boot: str

    def alive(self) -> bool:
        """Whether this very process still runs; one that ended but was not waited for does not."""
        return self.boot == _boot() and _start_time(self.pid) == self.started


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _start_time(pid: int) -> int | None:
    """Clock ticks from boot to the start of a running process; None if there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The command's name stands in brackets and may hold spaces: count from the last bracket.
    fields = stat.rpartition(")")[2].split()
    # The first thread may have ended before others, which still hold the sockets and files.
    ended = fields[0] in "ZX" and int(fields[17]) <= 1
    return None if ended else int(fields[19])


def start(
    state: State, name: str, command: Sequence[str | Path], env: Mapping[str, str] | None = None
) -> Process:
    """Start a program in a session of its own, with its output in `logs/<name>.log`."""
    state.logs.mkdir(parents=True, exist_ok=True)
    state.processes.mkdir(parents=True, exist_ok=True)
    path = state.processes / f"{name}.json"
    boot = _boot()

    def record_itself() -> None:
        pid = os.getpid()
        process = Process(name, pid, _start_time(pid) or 0, boot)
        unfinished = path.with_suffix(".new")
        unfinished.write_text(json.dumps(asdict(process)))
        unfinished.rename(path)

    with (state.logs / f"{name}.log").open("ab") as log:
        child = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=state.folder,
            env={**os.environ, **(env or {})},
            start_new_session=True,
            preexec_fn=record_itself,  # noqa: PLW1509 - this program has no threads
        )
    _children.append(child)
    return _read(path)


def recorded(state: State) -> list[Process]:
    """Every process ever started for this cluster and not yet stopped, alive or not."""
    return [_read(path) for path in sorted(state.processes.glob("*.json"))]


def stop(state: State, processes: Iterable[Process], seconds: float = 10.0) -> None:
    """Kill processes and forget them. Nothing they could still save is kept, so none is asked."""
    processes = list(processes)
    for process in processes:
        _kill(process)
    deadline = time.monotonic() + seconds
    while any(process.alive() for process in processes) and time.monotonic() < deadline:
        time.sleep(_POLL)
    _children[:] = [child for child in _children if child.poll() is None]
    for process in processes:
        if process.alive():
            raise ClusterError(f"{process.name} (pid {process.pid}) does not end")
        (state.processes / f"{process.name}.json").unlink(missing_ok=True)


def log_tail(state: State, name: str, lines: int = 15) -> str:
    """The last lines a process wrote, for an error message."""
    try:
        text = (state.logs / f"{name}.log").read_text(errors="replace")
    except FileNotFoundError:
        return "(no log)"
    return "\n".join(text.splitlines()[-lines:])


def _read(path: Path) -> Process:
    return Process(**json.loads(path.read_text()))


def _kill(process: Process) -> None:
    try:
        handle = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return
    try:
        # The handle is bound to one process, so checking after opening leaves no gap.
        if process.alive():
            signal.pidfd_send_signal(handle, signal.SIGKILL)
    except ProcessLookupError:
        pass
    finally:
        os.close(handle)
