"""Runs flows in other processes, which tests kill.

They are forked from one process that has imported everything, so that starting one costs
milliseconds.
"""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Mapping
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from jobflows.local import reopen, start

_forkserver = multiprocessing.get_context("forkserver")
_forkserver.set_forkserver_preload(["jobflows.local", "unit.local.other_process"])


def starting(home: Path, document: Mapping[str, Any], name: str, **how: Any) -> ForkServerProcess:
    """A process that runs a flow as the run `name`."""
    process = _forkserver.Process(target=_start, args=(home, document, name, how))
    process.start()
    return process


def resuming(home: Path, name: str, **how: Any) -> ForkServerProcess:
    """A process that goes on with a run."""
    process = _forkserver.Process(target=_resume, args=(home, name, how))
    process.start()
    return process


def _start(home: Path, document: Mapping[str, Any], name: str, how: Mapping[str, Any]) -> None:
    start(document, home=home, name=name, **how)


def _resume(home: Path, name: str, how: Mapping[str, Any]) -> None:
    asyncio.run(reopen(name, home=home, **how).run())
