"""Ctrl-C ends an execution and leaves no process behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

SCRIPT = """
import os, signal, sys
from jobflows.parallel import HierarchicalExecutor, execute_parallel

def wait(*_):
    os.write(1, f"{os.getpid()}\\n".encode())
    signal.pause()

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's "&" has it ignored
try:
    if sys.argv[1] == "tasks":
        executor = HierarchicalExecutor(2, "process")
        executor.add_task("a", wait)
        executor.add_task("b", wait)
        executor.add_task("c", wait, ["a"])
        executor.execute()
    else:
        execute_parallel(wait, range(10), 2, "process")
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.mark.parametrize("what", ["tasks", "items"])
def test_ctrl_c_ends_workers_that_stand(what: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT, what], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        workers = [int(process.stdout.readline()) for _ in range(2)]
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=60)
    assert rest == "interrupted\n"
    assert process.returncode == 0
    for pid in workers:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
