"""The end of a log of this machine, where the archive has only those of failures."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from jobflows.archive import AttemptInfo
from jobflows.local import LocalRunError, Store

MOST_BYTES = 64 * 1024
MOST_FILES = 4


def reader(home: Path) -> Callable[[AttemptInfo], str | None]:
    """What reads the logs of runs that are kept in `home`."""

    def read(attempt: AttemptInfo) -> str | None:
        try:
            with Store.open(home) as store:
                run = store.find(attempt.flow_id)
                if run is None or run.info.id != attempt.flow_id:
                    return None
                files = run.logs(attempt.step, attempt.attempt)
        except LocalRunError:
            return None
        ends = [(file, tail(file)) for file in files[:MOST_FILES]]
        known = [(file, text) for file, text in ends if text is not None]
        if len(known) == 1:
            return known[0][1]
        return "\n".join(f"--- {file.name}\n{text}" for file, text in known) if known else None

    return read


def tail(file: Path) -> str | None:
    """The last of a file; what is no UTF-8 is replaced. None when it cannot be read."""
    try:
        with file.open("rb") as stream:
            size = stream.seek(0, os.SEEK_END)
            stream.seek(max(0, size - MOST_BYTES))
            found = stream.read(MOST_BYTES)
    except OSError:
        return None
    if size > MOST_BYTES:  # begins with a whole line, if there is one
        found = found[found.find(b"\n") + 1 :]
    return found.decode(errors="replace")
