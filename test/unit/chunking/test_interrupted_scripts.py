"""A script that does nothing about signals ends by them at once, and leaves nothing behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from process_watch import Watched, children

SCRIPT = """
import os, signal, sys, time
from jobflows.chunking import MapRun, Options, execute

told = 0

def work(number):
    global told
    if told != os.getpid():
        told = os.getpid()
        os.write(1, b"%d\\n" % told)
    time.sleep(0.005)
    return bytes(50_000)

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's "&" has it ignored
    by, method = sys.argv[1:]
    if by == "execute":
        execute(work, range(100_000), executor_type="process", n_jobs=2)
    else:
        options = Options(executor="process", start_method=method, workers=2)
        getattr(MapRun(work, range(100_000), options), by)()
"""


@pytest.mark.parametrize(
    ("by", "method"),
    [("results", "fork"), ("results", "spawn"), ("results", "forkserver"), ("execute", "")],
)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_script_and_all_that_is_its(
    by: str, method: str, number: signal.Signals, tmp_path: Path
) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    temporary = Path(tempfile.mkdtemp(dir="/tmp"))  # the name of a socket has to be short
    shared = set(os.listdir("/dev/shm"))
    with subprocess.Popen(
        [sys.executable, script, by, method],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "TMPDIR": str(temporary)},
    ) as program:
        try:
            assert program.stdout is not None
            pids = {int(program.stdout.readline()) for _ in range(2)} | children(program.pid)
            watched = [Watched(pid) for pid in pids]
            began = time.monotonic()
            program.send_signal(number)
            status = program.wait(timeout=20)
            took = time.monotonic() - began
        finally:
            program.kill()
            left = [path.name for path in temporary.iterdir()]
            shutil.rmtree(temporary)
    assert status == -number
    assert took < 1.5  # a second, on a machine with nothing else to do
    assert [process.ends(1.5) for process in watched] == [True] * len(watched)
    if (method, number) == ("forkserver", signal.SIGTERM):
        # The directory of its socket: the standard library removes it at the end of a program only.
        left = [name for name in left if not name.startswith("pymp-")]
    assert left == []
    assert set(os.listdir("/dev/shm")) <= shared
