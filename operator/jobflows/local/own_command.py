"""`jobflow` for the steps of a run: the one that runs them, wherever it is installed.

In a pod the image has it on its PATH. Here it is a file of two lines in the run's directory, so
that a map step needs no activated environment, and never meets another version.
"""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

FOLDER = "_bin"
"""No step can be called so: names of steps have no underscores."""

START = "from jobflows.cli.entry import main; main()"


def with_own_command(path: str, workdir: Path) -> str:
    """The search path `path` with this very `jobflow` in front."""
    folder = workdir / FOLDER
    folder.mkdir(exist_ok=True)
    command = folder / "jobflow"
    start = f"exec {shlex.quote(sys.executable)} -c {shlex.quote(START)}"
    command.write_text(f'#!/bin/sh\n{start} "$@"\n')
    command.chmod(0o755)
    return os.pathsep.join([str(folder), path] if path else [str(folder)])
