"""The file of results: one JSON line an item, in the order of the items.

A file that is not whole never has the name that was asked for: it is written beside, under
`….partial`, and renamed when its last line is on disk. What is no regular file, a pipe for example,
is written as the results come.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Any

import jobflows
from jobflows.chunking.errors import ItemError
from jobflows.cli.map.refusal import Refused, Unwritable

WRITE_BYTES, WRITE_SECONDS = 1 << 16, 0.05

_OWN = Path(jobflows.__file__).parent


class ResultsFile:
    """Where the lines go."""

    def __init__(self, path: str) -> None:
        """Raises `Refused` if nothing can be written there. A file that is there is removed."""
        self.path = path
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._written_at = time.monotonic()
        self._busy = self._finished = False
        self._target = Path(path)
        self._direct = path == "-" or (self._target.exists() and not self._target.is_file())
        self.unfinished = path if self._direct else f"{path}.partial"
        try:
            if path == "-":
                self._file = os.dup(1)
                return
            if self._direct:
                self._file = os.open(path, os.O_WRONLY)
                return
            self._target.parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
            self._file = os.open(self.unfinished, flags, 0o666)
            self._target.unlink(missing_ok=True)  # an old one would look like this run's
        except OSError as error:
            raise Refused(f"--out {path}: cannot be written: {error.strerror}") from None

    def result(self, index: int, text: str) -> None:
        """The line of an item that is done; `text` is its result in JSON."""
        self._line(f'{{"index": {index}, "result": {text}}}\n'.encode())

    def failure(self, index: int, error: dict[str, Any]) -> None:
        """The line of an item that failed."""
        self._line((json.dumps({"index": index, "error": error}) + "\n").encode())

    def tick(self) -> bool:
        """Write what waits; may be called from a signal handler. Leaves errors to the others."""
        if not self._busy:
            try:
                self._write()
            except Unwritable:
                return False  # what waits still waits, so the next write says it
        return True

    def finish(self) -> None:
        """All lines are here: give the file its name."""
        self._write()
        try:
            if not self._direct:
                os.fsync(self._file)
                os.rename(self.unfinished, self.path)
        except OSError as error:
            raise self._unwritable(error) from error
        self._finished = True

    def __enter__(self) -> ResultsFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """What there is of an unfinished file stays under its unfinished name."""
        try:
            if not self._finished:
                self.tick()
                if not self._direct and not os.fstat(self._file).st_size:
                    os.unlink(self.unfinished)
        finally:
            os.close(self._file)

    def _line(self, line: bytes) -> None:
        self._busy = True
        try:
            self._waiting.append(line)
            self._waiting_bytes += len(line)
            now = time.monotonic()
            if self._waiting_bytes >= WRITE_BYTES or now - self._written_at >= WRITE_SECONDS:
                self._write()
                self._written_at = now
        finally:
            self._busy = False

    def _write(self) -> None:
        busy, self._busy = self._busy, True
        data = b"".join(self._waiting)
        try:
            while data:
                data = data[os.write(self._file, data) :]
        except OSError as error:
            raise self._unwritable(error) from error
        finally:
            self._waiting[:] = [data] if data else []
            self._waiting_bytes = len(data)
            self._busy = busy

    def _unwritable(self, error: OSError) -> Unwritable:
        return Unwritable(f"--out {self.path}: cannot be written: {error.strerror}")


def describe(failure: ItemError) -> dict[str, Any]:
    """How an item failed, for its line."""
    return {
        "kind": failure.kind,
        "message": failure.reason,
        "item": failure.item,
        "traceback": user_traceback(failure.details),
    }


def user_traceback(text: str) -> str:
    """A traceback from the first frame that is not of this project."""
    lines = text.splitlines(keepends=True)
    frames = [number for number, line in enumerate(lines) if line.startswith('  File "')]
    foreign = (number for number in frames if not lines[number].startswith(f'  File "{_OWN}'))
    first = next(foreign, None)
    if first is None:
        return lines[-1] if frames else text
    return "".join((*lines[: frames[0]], *lines[first:]))
