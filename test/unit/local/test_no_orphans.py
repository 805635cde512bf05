"""However the program ends, nothing of its run is left."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from jobflows.local import guard
from unit.local.local_runs import alive, document, step

ROOT = Path(__file__).parents[3]


def start(tmp_path: Path, script: str, *, trap: str = ":", **spec: Any) -> subprocess.Popen[str]:
    """`jobflow run` of one step in a process of its own, once the step runs and has its trap."""
    file = tmp_path / "flow.yaml"
    ready = tmp_path / "ready"
    main = step("a", f"{trap}; touch {ready}; {script}")
    file.write_text(yaml.safe_dump(document(main, step("b", dependencies=["a"]), **spec)))
    process = subprocess.Popen(
        [
            *(sys.executable, "-c", "from jobflows.cli.main import app; app()"),
            *("run", str(file), "--workdir", str(tmp_path / "w")),
        ],
        env={**os.environ, "PYTHONPATH": str(ROOT / "operator")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert until(ready.exists)
    return process


def until(condition: Callable[[], bool], seconds: float = 60.0) -> bool:
    """Whether `condition` comes true in time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_the_run_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    mark = f"71.{number:03d}7"
    process = start(tmp_path, f"sleep {mark} & wait", trap="trap 'echo bye; exit 1' TERM")
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert f"Failed: stopped by {number.name}" in out
    assert "once more kills at once" in err
    assert (tmp_path / "w" / "a" / "1" / "main.log").read_text().endswith("bye\n")
    assert '"phase": "Skipped", "reason": "Stopped"' in (tmp_path / "w/status.json").read_text()
    assert not alive(mark)


TELL = step("tell", "echo {{ flow.phase }} {{ flow.reason }}")


def test_exit_handlers_run_after_a_signal(tmp_path: Path) -> None:
    process = start(tmp_path, "sleep 74.837 & wait", onExit=[TELL])
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Failed: stopped by SIGTERM" in out
    assert (tmp_path / "w" / "tell" / "1" / "main.log").read_text() == "Failed Stopped\n"


def test_a_second_signal_ends_exit_handlers(tmp_path: Path) -> None:
    tidies = tmp_path / "tidies"
    hangs = step("tidy", f"touch {tidies}; sleep 75.837 & wait")
    process = start(tmp_path, "sleep 74.838 & wait", onExit=[hangs])
    process.send_signal(signal.SIGINT)
    assert until(tidies.exists)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Failed: terminated by SIGINT; the steps ended Failed: Stopped: " in out
    assert not alive("75.837")


def test_a_second_signal_kills_at_once(tmp_path: Path) -> None:
    process = start(tmp_path, "while true; do sleep 0.1; done; : 72.837", trap="trap '' TERM")
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    assert any("once more kills" in line for line in process.stderr)
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert time.monotonic() - began < 20  # its grace period is longer
    assert not alive("72.837")


def test_a_killed_runner_leaves_nothing(tmp_path: Path) -> None:
    # One in the group of the step, one that left it, one that forgot its environment.
    script = "sleep 73.837 & setsid sleep 73.837 & env -i sleep 73.837 & wait"
    process = start(tmp_path, script)
    assert until(lambda: len(alive("sleep\x0073.837")) == 3)
    process.kill()
    process.communicate()
    assert until(lambda: not alive("73.837"))


AGAIN = 'exec sh -c "$0" "$0"'


def test_a_process_that_is_becoming_another_program_is_found() -> None:
    # Just then the kernel shows no environment of it.
    for attempt in range(20):
        mark = f"{os.getpid()}-{attempt}"
        changing = [
            subprocess.Popen(
                ["sh", "-c", AGAIN, AGAIN],
                env={guard.MARK: mark, "PATH": os.defpath},
                start_new_session=True,
            )
            for _ in range(4)
        ]
        guard.kill_marked(mark)
        left = [process for process in changing if not until(lambda: process.poll() is not None, 2)]  # noqa: B023
        for process in left:
            process.kill()
            process.wait()
        assert not left
