"""Files of SQLite are made by one program at a time.

SQLite waits for nobody when a file is to log ahead (`journal_mode = WAL`), which it remembers: of
two programs that find a file empty, one would be told that it is locked.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Whoever else asks for this folder waits until the end of the block, or of this process."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
