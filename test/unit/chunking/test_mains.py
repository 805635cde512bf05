"""Programs that fresh interpreters cannot import: from standard input, and without a guard.

A thread that lives forbids to fork, so workers have to be fresh interpreters.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

BESIDE_A_THREAD = """
import sys, threading
from jobflows.chunking import Options, MapRun, execute, optimize, optimize_streaming
ever = threading.Event()
threading.Thread(target=ever.wait, daemon=True).start()
print("begins")
"""
OWN = """
def work(number):
    return sum(n * n for n in range(20_000)) * 0 + number
"""
ALL_WAYS = """
result = optimize(work, range(200), profile=True)
assert result.executor_type == "serial", result
print(result.reason)
assert result.execute() == list(optimize_streaming(work, range(200))) == [*range(200)]
run = MapRun(work, range(200))
assert run.results() == [*range(200)]
print(run.report.reasons)
try:
    execute(work, range(200), executor_type="process")
except TypeError as error:
    print(error)
"""
FOREIGN = """
import math
run = MapRun(math.sqrt, range(200), Options(executor="process", workers=2))
assert run.results() == [math.sqrt(n) for n in range(200)]
assert run.report.start_method == "forkserver"
"""
WITHOUT_CLOUDPICKLE = "import sys; sys.modules['cloudpickle'] = None\n"


def output(program: str, file: Path | None) -> str:
    """What a program prints, from a file or from standard input."""
    if file is not None:
        file.write_text(program)
    command = [sys.executable, "-" if file is None else str(file)]
    text = program if file is None else ""
    run = subprocess.run(command, input=text, check=False, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert run.stderr == ""
    return run.stdout


@pytest.mark.parametrize("from_file", [False, True], ids=["stdin", "unguarded"])
def test_a_function_that_workers_cannot_find_stays_here(tmp_path: Path, *, from_file: bool) -> None:
    program = WITHOUT_CLOUDPICKLE + BESIDE_A_THREAD + OWN + ALL_WAYS
    found = output(program, tmp_path / "program.py" if from_file else None)

    assert found.count("begins") == 1
    assert found.count("workers cannot import the program that it is in") == 3
    assert found.count("install cloudpickle") == 3


@pytest.mark.parametrize("from_file", [False, True], ids=["stdin", "unguarded"])
def test_a_function_of_a_module_needs_no_program(tmp_path: Path, *, from_file: bool) -> None:
    found = output(BESIDE_A_THREAD + FOREIGN, tmp_path / "program.py" if from_file else None)
    assert found == "begins\n"


def test_a_program_with_a_guard_is_imported(tmp_path: Path) -> None:
    guarded = """
if __name__ == "__main__":
    ever = threading.Event()
    threading.Thread(target=ever.wait, daemon=True).start()
    options = Options(executor="process", workers=2)
    print(MapRun(work, range(200), options).results() == [*range(200)])
"""
    program = "import threading\nfrom jobflows.chunking import *\n" + OWN + guarded
    assert output(WITHOUT_CLOUDPICKLE + program, tmp_path / "program.py") == "True\n"


def test_items_of_a_class_that_workers_cannot_find_stay_here() -> None:
    program = """
class Item:
    pass

run = MapRun(lambda item: sum(n * n for n in range(20_000)) * 0, [Item() for _ in range(200)])
assert run.results() == [0] * 200
print(run.report.executor)
"""
    assert output(BESIDE_A_THREAD + program, None) == "begins\nserial\n"
