"""The ledger on disk: `status.json` in the run's directory, the same as a JobFlow's status.

Written at once and whole (a reader never sees half a file), but not at every step: the more a write
costs, the longer the next one waits.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jobflows.engine import CompiledFlow, Ledger, write_status
from jobflows.local.clock import Clock

FILE = "status.json"

SHORTEST_PAUSE = 0.5
"""Seconds between two writes, at least."""

SHARE = 0.02
"""Part of the run's time that writing may take."""


class Journal:
    """Writes the newest ledger it was given."""

    def __init__(self, flow: CompiledFlow, workdir: Path, clock: Clock) -> None:
        self._flow = flow
        self._file = workdir / FILE
        self._clock = clock
        self._newest: Ledger | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._pause = 0.0
        self.problem: OSError | None = None
        """Why the last write failed."""

    def note(self, ledger: Ledger) -> None:
        """Write `ledger` soon."""
        self._newest = ledger
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._pause, self.flush)

    def flush(self) -> None:
        """Write the newest ledger now."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        ledger, self._newest = self._newest, None
        if ledger is None:
            return
        began = time.perf_counter()
        status = write_status(self._flow, ledger, self._clock())
        part = self._file.with_suffix(".part")
        try:
            part.write_text(_lines(status))
            os.replace(part, self._file)
            self.problem = None
        except OSError as error:  # a full disk must not take the run's outcome with it
            self.problem = error
        self._pause = max(SHORTEST_PAUSE, (time.perf_counter() - began) / SHARE)


def _lines(status: Mapping[str, Any]) -> str:
    """A line a field and a line a step: good to read and to grep, and ten times faster to write
    than `indent`, which Python does not do in C."""
    fields = [
        f"{json.dumps(key)}: {json.dumps(value)}"
        for key, value in status.items()
        if key != "steps" and value is not None
    ]
    steps = ",\n".join(json.dumps(step) for step in status["steps"])
    return "{" + ",\n".join([*fields, f'"steps": [\n{steps}\n]']) + "}\n"
