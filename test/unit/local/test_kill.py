"""A runner is killed at any moment, and the run goes on where it was."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jobflows.engine import FlowPhase, StepPhase
from jobflows.local import BusyError, Store, prepare, reopen
from jobflows.local.takeover import is_alive
from unit.local.local_runs import alive, document, step
from unit.local.other_process import resuming, starting

PARALLELISM, KILLS = 3, 4


def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait for what another process does."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.002)


def writes(folder: Path, name: str, **fields: Any) -> dict[str, Any]:
    """A step that says in a file that it began, and that it ended; and in another one if the try
    before it is still alive."""
    script = f"""
        f={folder}/$1
        [ -e $f.pid ] && kill -0 $(cat $f.pid) 2>/dev/null && echo $1 >> {folder}/twice
        echo $$ > $f.pid
        printf b >> $f
        sleep 0.0$(($$ % 3))
        printf e >> $f
    """
    which = f"{name}-{{{{ task.index }}}}" if "array" in fields else name
    made = step(name, script, **fields)
    made["template"]["spec"]["template"]["spec"]["containers"][0]["args"] = ["sh", which]
    return made


def finished(home: Path) -> set[str]:
    """The files of the tasks whose success is on record."""
    with Store.open(home) as store:
        run = store.find("killed")
        attempts = run.attempts() if run is not None else []
    return {
        a.step if a.task is None else f"{a.step}-{a.task}"
        for a in attempts
        if a.phase == "Succeeded"
    }


def is_over(home: Path) -> bool:
    with Store.open(home) as store:
        return store.run("killed").info.phase.terminal


@pytest.mark.parametrize("seed", range(3))
def test_nothing_that_has_finished_runs_again(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    home, folder = tmp_path / "home", tmp_path / "files"
    folder.mkdir()
    flow = document(
        *(writes(folder, f"a{i}") for i in range(8)),
        *(writes(folder, f"b{i}", dependencies=[f"a{i}", f"a{i + 1}"]) for i in range(7)),
        writes(folder, "many", array={"count": 20}, dependencies=["a0"]),
        writes(folder, "last", dependencies=["many", "b6"]),
    )
    kept: dict[str, str] = {}
    process = starting(home, flow, "killed", parallelism=PARALLELISM)
    until(lambda: bool(finished(home)))
    for _ in range(KILLS):
        process.join(rng.uniform(0, 0.15))
        process.kill()
        process.join()
        kept |= {name: (folder / name).read_text() for name in finished(home) - kept.keys()}
        if is_over(home):  # it had come to its end before
            break
        process = resuming(home, "killed", parallelism=PARALLELISM)
    process.join(60)
    assert kept == {name: (folder / name).read_text() for name in kept}
    with Store.open(home) as store:
        run = store.run("killed")
        assert run.info.phase is FlowPhase.SUCCEEDED
        assert all(record.phase is StepPhase.SUCCEEDED for record in run.ledger().steps)
        assert run.ledger().steps[0].spent.losses == 0, "a person who resumes pays no budget"
    said = {f.name: f.read_text() for f in folder.iterdir() if not f.name.endswith(".pid")}
    assert "twice" not in said
    assert len(said) == 8 + 7 + 20 + 1
    assert all(text.endswith("e") for text in said.values())
    # What ended in the very moment of a kill was seen by nobody, and runs again.
    assert sum(text.count("e") - 1 for text in said.values()) <= KILLS * PARALLELISM


def test_a_second_runner_is_refused_and_told_who_runs_it(tmp_path: Path) -> None:
    flow = document(step("a", f"touch {tmp_path}/runs; exec sleep 81.837"))
    process = starting(tmp_path, flow, "one")
    until((tmp_path / "runs").exists)
    with pytest.raises(BusyError, match=f"process {process.pid} on {socket.gethostname()}") as busy:
        reopen("one", home=tmp_path)
    assert (busy.value.pid, busy.value.host) == (process.pid, socket.gethostname())
    with Store.open(tmp_path) as store:
        assert store.run("one").is_running
    process.kill()
    process.join()
    session = reopen("one", home=tmp_path)
    assert not alive("81.837"), "nobody gets the run before the guard has done its work"
    session.close()


def test_who_has_ended_is_not_alive_before_its_parent_asks() -> None:
    process = subprocess.Popen(["true"])
    assert is_alive(os.getpid())
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert not is_alive(process.pid)
    process.wait()
    assert not is_alive(process.pid)


def test_a_number_that_another_program_has_got_keeps_nobody_out(tmp_path: Path) -> None:
    prepare(document(step("a")), name="one", home=tmp_path).close()
    with Store.open(tmp_path) as store:
        info = store.run("one").info
        assert (info.pid, info.host) == (os.getpid(), socket.gethostname())
        assert not store.run("one").is_running
    reopen("one", home=tmp_path).close()


def test_what_a_killed_guard_has_left_is_killed_by_the_next_runner(tmp_path: Path) -> None:
    flow = document(step("a", f"touch {tmp_path}/runs; exec sleep 82.837"))
    process = starting(tmp_path, flow, "one")
    until((tmp_path / "runs").exists)
    until(lambda: bool(alive("82.837")))
    (guard,) = [
        int(pid)
        for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        if b"guard.py" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]
    os.kill(process.pid or 0, signal.SIGSTOP)  # so that it does not miss its guard
    os.kill(guard, signal.SIGKILL)
    process.kill()
    process.join()
    assert alive("82.837")
    reopen("one", home=tmp_path).close()
    assert not alive("82.837")
