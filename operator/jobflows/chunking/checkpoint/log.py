"""The result log: results of items on disk as they come, so that no item has to be done twice.

Records are only ever appended. They are written a few times a second and made durable at least each
second or each megabyte, as long as `append` or `tick` is called. Opening reads the whole log once:
what a killed writer left unfinished is cut off; if anything else is wrong, the file is copied
beside, what is before the damage is kept, and `notes` says so. Values stay on disk; eight bytes of
memory are spent on each item.

One process writes at a time. A log is of one function and its items: its key says which, and a log
with another key is refused.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pickle
import stat
import time
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn

from jobflows.chunking.checkpoint.entries import Entries
from jobflows.chunking.checkpoint.errors import OtherResultsError, ResultLogError
from jobflows.chunking.checkpoint.format import (
    FAILURE,
    RECORD_SIZE,
    RESULT,
    Key,
    Scan,
    decode_record,
    differences,
    encode_head,
    encode_record,
    scan,
)

WRITE_BYTES, WRITE_SECONDS = 1 << 16, 0.05
"""Records are gathered up to here, or for as long, before they are written."""
SYNC_BYTES, SYNC_SECONDS = 1 << 20, 1.0
"""Written bytes are made durable when there are so many, or after as long."""

_open_here: set[tuple[int, int]] = set()
"""Files that this process has open: a process is not locked out by its own locks."""


class ResultLog:
    """Results and failures by the index of their item. Use it in a `with` statement.

    `done` and `failed` are mappings in order of the indices, whose values are read when they are
    asked for. The latest record of an item counts: one that failed may succeed later.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        """Use `ResultLog.open`."""
        self.path = path
        self.done = Entries(self._read)
        self.failed = Entries(self._read)
        self.notes: tuple[str, ...] = ()
        """What was found wrong when the log was opened, and what was done about it."""
        self.error: ResultLogError | None = None
        """Why nothing can be written any more."""
        self._file = descriptor
        self._identity = (0, 0)
        self._waiting: list[bytes] = []
        self._waiting_bytes = self._unsynced = 0
        self._unwritten: list[tuple[Entries, int]] = []
        self._end = self._written = 0
        self._written_at = self._synced_at = time.monotonic()
        self._busy = False

    @classmethod
    def open(cls, path: str | os.PathLike[str], key: Key) -> ResultLog:
        """Open the log of `key`, or begin it.

        Raises `OtherResultsError` for a log with another key, `ResultLogError` if the file is in
        use or cannot be read or written.
        """
        path = Path(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
            log = cls(path, os.open(path, flags, 0o666))
        except OSError as error:
            raise ResultLogError(f"{path}: cannot be opened: {error.strerror}") from error
        try:
            log._take()
            log._load(key)
        except BaseException:
            log._release()
            raise
        return log

    def append(self, index: int, value: Any) -> None:
        """Keep the result of an item."""
        self._append(RESULT, index, value)

    def append_failure(self, index: int, value: Any) -> None:
        """Keep how an item failed; it is not `done`."""
        self._append(FAILURE, index, value)

    def flush(self) -> None:
        """Make durable all that was appended."""
        self._busy = True
        try:
            self._write()
            self._sync()
        finally:
            self._busy = False

    def tick(self) -> None:
        """Write and make durable what is due; may be called from a signal handler.

        Raises nothing: what goes wrong is in `error`, and raised by the next `append` or `flush`.
        """
        if self._busy or self.error is not None:
            return
        self._busy = True
        try:
            self._write_what_is_due(time.monotonic())
        except ResultLogError:
            return  # kept in `error`
        finally:
            self._busy = False

    def close(self) -> None:
        """Flush and let go of the file."""
        if self._file < 0:
            return
        try:
            if self.error is None:
                self.flush()
        finally:
            self._release()

    def __enter__(self) -> ResultLog:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _append(self, kind: int, index: int, value: Any) -> None:
        if self.error is not None:
            raise self.error
        try:
            payload = pickle.dumps(value, 5)
        except Exception as error:
            raise ResultLogError(
                f"{self.path}: the result of item {index} cannot be kept, because it cannot be "
                f"pickled: {error}; return plain data"
            ) from error
        self._busy = True
        try:
            head = encode_record(kind, index, payload)
            self._unwritten.append((self._found(kind, index, self._end), index))
            self._waiting += (head, payload)
            self._waiting_bytes += len(head) + len(payload)
            self._end += len(head) + len(payload)
            self._write_what_is_due(time.monotonic())
        finally:
            self._busy = False

    def _write_what_is_due(self, now: float) -> None:
        if self._waiting_bytes >= WRITE_BYTES or now - self._written_at >= WRITE_SECONDS:
            self._write()
            self._written_at = now
        if self._unsynced and (
            self._unsynced >= SYNC_BYTES or now - self._synced_at >= SYNC_SECONDS
        ):
            self._sync()
            self._synced_at = now

    def _write(self) -> None:
        if self.error is not None:
            raise self.error
        if not self._waiting:
            return
        data = memoryview(b"".join(self._waiting))
        try:
            while data:
                data = data[os.write(self._file, data) :]
        except OSError as error:
            self._keep_whole(self._waiting_bytes - len(data))
            self._break(error)
        self._unsynced += self._waiting_bytes
        self._written = self._end
        self._forget_waiting()

    def _sync(self) -> None:
        if not self._unsynced:
            return
        try:
            os.fsync(self._file)
        except OSError as error:
            self._break(error)
        self._unsynced = 0

    def _keep_whole(self, size: int) -> None:
        """Of what waits, so many bytes were written: the records among them that are whole stay."""
        for head, payload in zip(self._waiting[::2], self._waiting[1::2], strict=True):
            size -= len(head) + len(payload)
            if size < 0:
                return
            self._written += len(head) + len(payload)
            del self._unwritten[0]

    def _break(self, error: OSError) -> NoReturn:
        """Nothing more is written after half a record: what is whole must stay readable."""
        for entries, index in self._unwritten:
            entries.drop(index)
        self._forget_waiting()
        self._end = self._written
        with contextlib.suppress(OSError):  # the next one to open it cuts it off
            os.ftruncate(self._file, self._written)
        self.error = ResultLogError(
            f"{self.path}: cannot be written: {error.strerror}; what is in it stays valid, so make "
            "room for it and start again to go on from there"
        )
        raise self.error from error

    def _forget_waiting(self) -> None:
        self._waiting.clear()
        self._unwritten.clear()
        self._waiting_bytes = 0

    def _read(self, offset: int) -> Any:
        if offset >= self._written:
            self.flush()
        record = decode_record(self._pread(offset, RECORD_SIZE))
        if record is None:
            raise ResultLogError(f"{self.path}: was changed by somebody else while it was open")
        payload = self._pread(offset + RECORD_SIZE, record.length)
        try:
            return pickle.loads(payload)
        except Exception as error:
            raise ResultLogError(
                f"{self.path}: the result of item {record.index} cannot be read: {error}; remove "
                "the file to begin anew"
            ) from error

    def _pread(self, offset: int, length: int) -> bytes:
        parts = []
        while length > 0:
            part = os.pread(self._file, length, offset)
            if not part:
                raise ResultLogError(f"{self.path}: was cut by somebody else while it was open")
            parts.append(part)
            offset += len(part)
            length -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _take(self) -> None:
        """Become the one that writes."""
        found = os.fstat(self._file)
        if not stat.S_ISREG(found.st_mode):
            raise ResultLogError(f"{self.path}: is not a regular file; name another one")
        identity = (found.st_dev, found.st_ino)
        in_use = ResultLogError(
            f"{self.path}: is in use; wait for the run that writes it, or name another file"
        )
        if identity in _open_here:
            raise in_use
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            raise in_use from None
        except OSError as error:
            self._note(f"{self.path}: cannot be locked ({error.strerror}): let one run write it")
        _open_here.add(identity)
        self._identity = identity

    def _release(self) -> None:
        _open_here.discard(self._identity)
        os.close(self._file)
        self._file = -1

    def _load(self, key: Key) -> None:
        size = os.fstat(self._file).st_size
        try:
            # The descriptor itself: closing another one would let go of the lock on the file.
            with open(self._file, "rb", buffering=1 << 18, closefd=False) as file:
                seen = scan(file, size, self._found)
        except OSError as error:
            raise ResultLogError(f"{self.path}: cannot be read: {error.strerror}") from error
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
        try:
            self._mend(seen, size)
            if not seen.end:
                self._begin(key)
        except OSError as error:
            raise ResultLogError(f"{self.path}: cannot be written: {error.strerror}") from error
        self._end = self._written = os.fstat(self._file).st_size

    def _found(self, kind: int, index: int, offset: int) -> Entries:
        """Take in where the latest record of an item is."""
        entries, others = self.done, self.failed
        if kind == FAILURE:
            entries, others = others, entries
        entries.put(index, offset)
        others.drop(index)
        return entries

    def _mend(self, seen: Scan, size: int) -> None:
        if seen.state == "torn" and size:
            self._note(
                f"{self.path}: its writer was killed: the last {size - seen.end} bytes were no "
                "whole record and are cut off"
            )
        elif seen.state == "damaged":
            aside = self._set_aside(size)
            self._note(
                f"{self.path}: is damaged after byte {seen.end}: {len(self.done)} results before "
                f"it are kept, the damaged file is now {aside}"
            )
        if seen.end < size:
            os.ftruncate(self._file, seen.end)
            os.fsync(self._file)

    def _set_aside(self, size: int) -> Path:
        number = 1
        while (aside := self.path.with_name(f"{self.path.name}.damaged-{number}")).exists():
            number += 1
        unfinished = aside.with_name(f"{aside.name}.partial")
        with unfinished.open("wb") as file:
            offset = 0
            while offset < size and (piece := os.pread(self._file, 1 << 20, offset)):
                file.write(piece)
                offset += len(piece)
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(aside)
        return aside

    def _begin(self, key: Key) -> None:
        data = memoryview(encode_head(key))
        while data:
            data = data[os.write(self._file, data) :]
        os.fsync(self._file)
        folder = os.open(self.path.parent, os.O_RDONLY)
        with contextlib.suppress(OSError):  # some file systems cannot, and keep names by themselves
            os.fsync(folder)
        os.close(folder)

    def _note(self, words: str) -> None:
        self.notes += (words,)
