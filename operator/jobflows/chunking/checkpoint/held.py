"""The file of a result log, held by the one process that writes it.

`ResultLog` opens it by `HeldFile.open` and has it checked by `load`: whose results these are, and
whether all of it is whole. What a killed writer left unfinished is cut off; if anything else is
wrong, the file is copied beside, and what is before the damage is kept. `notes` says what was done.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from collections.abc import Callable
from pathlib import Path

from jobflows.chunking.checkpoint.errors import OtherResultsError, ResultLogError
from jobflows.chunking.checkpoint.format import (
    Found,
    Key,
    Scan,
    differences,
    encode_head,
    scan,
)

_open_here: set[tuple[int, int]] = set()
"""Files that this process has open: a process is not locked out by its own locks."""


class HeldFile:
    """A file that nobody else writes, until `release`."""

    def __init__(self, path: Path, descriptor: int) -> None:
        """Use `HeldFile.open`."""
        self.path = path
        self.descriptor = descriptor
        self.notes: tuple[str, ...] = ()
        """What was found wrong, and what was done about it."""
        self._identity = (0, 0)

    @classmethod
    def open(cls, path: Path) -> HeldFile:
        """Open the file or make it, and become the one that writes it."""
        with contextlib.suppress(OSError):
            found = os.stat(path)
            if (found.st_dev, found.st_ino) in _open_here:
                # Not opened: closing it again would let go of the lock that is held here.
                raise _in_use(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
            held = cls(path, os.open(path, flags, 0o666))
        except OSError as error:
            raise ResultLogError(f"{path}: cannot be opened: {error.strerror}") from error
        try:
            held._take()
        except BaseException:
            held.release()
            raise
        return held

    def release(self) -> None:
        """Let go of it; the second time does nothing."""
        if self.descriptor >= 0:
            _open_here.discard(self._identity)
            os.close(self.descriptor)
            self.descriptor = -1

    def load(self, key: Key, found: Found, kept: Callable[[], int]) -> int:
        """Tell `found` of each whole record, mend the rest, or begin the log; returns its size.

        `kept` is how many results were found, for a note about damage.
        """
        size = os.fstat(self.descriptor).st_size
        try:
            # The descriptor itself: closing another one would let go of the lock on the file.
            with open(self.descriptor, "rb", buffering=1 << 18, closefd=False) as file:
                seen = scan(file, size, found)
        except OSError as error:
            raise ResultLogError(f"{self.path}: cannot be read: {error.strerror}") from error
        self._refuse_others(seen, key)
        try:
            self._mend(seen, size, kept)
            if not seen.end:
                self._begin(key)
            return os.fstat(self.descriptor).st_size
        except OSError as error:
            raise ResultLogError(f"{self.path}: cannot be written: {error.strerror}") from error

    def read(self, offset: int, length: int) -> bytes:
        """So many bytes from there, which were written."""
        parts = []
        while length > 0:
            part = os.pread(self.descriptor, length, offset)
            if not part:
                raise ResultLogError(f"{self.path}: was cut by somebody else while it was open")
            parts.append(part)
            offset += len(part)
            length -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _take(self) -> None:
        found = os.fstat(self.descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise ResultLogError(f"{self.path}: is not a regular file; name another one")
        try:
            fcntl.lockf(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            raise _in_use(self.path) from None
        except OSError as error:
            self._note(f"cannot be locked ({error.strerror}): let one run write it")
        self._identity = (found.st_dev, found.st_ino)
        _open_here.add(self._identity)

    def _refuse_others(self, seen: Scan, key: Key) -> None:
        if seen.state == "foreign":
            raise ResultLogError(f"{self.path}: is not a result log; name another file")
        if seen.state == "newer":
            raise ResultLogError(
                f"{self.path}: was written by another version of JobFlow; remove it to begin anew, "
                "or name another file"
            )
        if seen.key and seen.key != dict(key):
            raise OtherResultsError(
                f"{self.path}: holds other results: {differences(seen.key, key)}; remove it to "
                "begin anew, or name another file"
            )

    def _mend(self, seen: Scan, size: int, kept: Callable[[], int]) -> None:
        if seen.state == "torn" and size:
            self._note(
                f"its writer was killed: the last {size - seen.end} bytes were no whole record and "
                "are cut off"
            )
        elif seen.state == "damaged":
            aside = self._set_aside(size)
            self._note(
                f"is damaged after byte {seen.end}: {kept()} results before it are kept, the "
                f"damaged file is now {aside}"
            )
        if seen.end < size:
            os.ftruncate(self.descriptor, seen.end)
            os.fsync(self.descriptor)

    def _set_aside(self, size: int) -> Path:
        number = 1
        while (aside := self.path.with_name(f"{self.path.name}.damaged-{number}")).exists():
            number += 1
        unfinished = aside.with_name(f"{aside.name}.partial")
        with unfinished.open("wb") as file:
            offset = 0
            while offset < size and (piece := os.pread(self.descriptor, 1 << 20, offset)):
                file.write(piece)
                offset += len(piece)
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(aside)
        return aside

    def _begin(self, key: Key) -> None:
        data = memoryview(encode_head(key))
        while data:
            data = data[os.write(self.descriptor, data) :]
        os.fsync(self.descriptor)
        folder = os.open(self.path.parent, os.O_RDONLY)
        with contextlib.suppress(OSError):  # some file systems cannot, and keep names by themselves
            os.fsync(folder)
        os.close(folder)

    def _note(self, words: str) -> None:
        self.notes += (f"{self.path}: {words}",)


def _in_use(path: Path) -> ResultLogError:
    return ResultLogError(
        f"{path}: is in use; wait for the run that writes it, or name another file"
    )
