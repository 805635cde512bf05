"""`jobflow map` as a process of its own, with a module of functions beside its items."""

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]

FUNCTIONS = '''
import os

def double(x):
    with open("calls", "a") as calls:
        calls.write(f"{x}\\n")
    return x * 2

def picky(x):
    if x in (3, 5):
        raise ValueError(f"bad row {x}")
    return x

def meet(x):
    """Item 5 says that it is here, and waits until it is let go."""
    with open("calls", "a") as calls:
        calls.write(f"{x}\\n")
    if x == 5 and os.path.exists("gate"):
        open("here", "w").close()
        with open("gate"):
            pass
    return x

def large(x):
    return "x" * 20000

def same(x):
    return x

def odd(x):
    return [{1, 2}, float("nan"), 1j, "\\ud800", (1, "ä")][x]

async def later(x):
    return x

number = 3
'''


class Place:
    """A folder with functions and items."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "work"
        self.folder.mkdir()
        self.program = folder / "bin" / "jobflow"
        self.program.parent.mkdir()
        self.program.write_text("from jobflows.cli.entry import main\nmain()\n")
        self.write("functions.py", FUNCTIONS)
        self.write("ten.jsonl", "".join(f"{n}\n" for n in range(10)))

    def write(self, name: str, text: str | bytes) -> Path:
        """A file."""
        path = self.folder / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def start(self, *words: str, **more: Any) -> "subprocess.Popen[str]":
        """Start `jobflow map`."""
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "operator")}
        return subprocess.Popen(
            [sys.executable, str(self.program), "map", *words],
            cwd=self.folder,
            env={**environment, **more.pop("env", {})},
            stdin=more.pop("stdin", subprocess.PIPE),
            stdout=more.pop("stdout", subprocess.PIPE),
            stderr=more.pop("stderr", subprocess.PIPE),
            text=True,
            **more,
        )

    def run(self, *words: str, code: int = 0, stdin: str = "", **more: Any) -> tuple[str, str]:
        """Run it to its end; returns standard output and standard error."""
        with self.start(*words, **more) as process:
            out, err = process.communicate(stdin, timeout=60)
        assert process.returncode == code, f"{process.returncode}: {out}{err}"
        return out, err

    def lines(self, name: str = "out.jsonl") -> list[Any]:
        """A file of results."""
        return [json.loads(line) for line in (self.folder / name).read_text().splitlines()]

    def calls(self) -> list[int]:
        """The items that the functions were called with."""
        return [int(line) for line in (self.folder / "calls").read_text().split()]

    def names(self) -> set[str]:
        """All files."""
        return {path.name for path in self.folder.iterdir()} - {"__pycache__"}


def results(values: Sequence[Any], first: int = 0) -> list[dict[str, Any]]:
    """The lines for these results."""
    return [{"index": first + n, "result": value} for n, value in enumerate(values)]


def until(true: Callable[[], bool], seconds: float = 20.0) -> None:
    """Return when something has become true in another process."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.005)


def small_files() -> None:
    """In a process before it starts: a disk on which no file can grow beyond 100,000 bytes."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
