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
import os
import pickle
import time
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn

from jobflows.chunking.checkpoint.entries import Entries
from jobflows.chunking.checkpoint.errors import ResultLogError
from jobflows.chunking.checkpoint.format import (
    FAILURE,
    RECORD_SIZE,
    RESULT,
    Key,
    decode_record,
    encode_record,
)
from jobflows.chunking.checkpoint.held import HeldFile

WRITE_BYTES, WRITE_SECONDS = 1 << 16, 0.05
"""Records are gathered up to here, or for as long, before they are written."""
SYNC_BYTES, SYNC_SECONDS = 1 << 20, 1.0
"""Written bytes are made durable when there are so many, or after as long."""


class ResultLog:
    """Results and failures by the index of their item. Use it in a `with` statement.

    `done` and `failed` are mappings in order of the indices, whose values are read when they are
    asked for. The latest record of an item counts: one that failed may succeed later.
    """

    def __init__(self, held: HeldFile) -> None:
        """Use `ResultLog.open`."""
        self.path = held.path
        self.done = Entries(self._read)
        self.failed = Entries(self._read)
        self.notes: tuple[str, ...] = ()
        """What was found wrong when the log was opened, and what was done about it."""
        self.error: ResultLogError | None = None
        """Why nothing can be written any more."""
        self._held = held
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
        held = HeldFile.open(Path(path))
        log = cls(held)
        try:
            log._end = log._written = held.load(key, log._found, lambda: len(log.done))
        except BaseException:
            held.release()
            raise
        log.notes = held.notes
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
        if self._held.descriptor < 0:
            return
        try:
            if self.error is None:
                self.flush()
        finally:
            self._held.release()

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
                data = data[os.write(self._held.descriptor, data) :]
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
            os.fsync(self._held.descriptor)
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
            os.ftruncate(self._held.descriptor, self._written)
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
        record = decode_record(self._held.read(offset, RECORD_SIZE))
        if record is None:
            raise ResultLogError(f"{self.path}: was changed by somebody else while it was open")
        payload = self._held.read(offset + RECORD_SIZE, record.length)
        try:
            return pickle.loads(payload)
        except Exception as error:
            raise ResultLogError(
                f"{self.path}: the result of item {record.index} cannot be read: {error}; remove "
                "the file to begin anew"
            ) from error

    def _found(self, kind: int, index: int, offset: int) -> Entries:
        """Take in where the latest record of an item is."""
        entries, others = self.done, self.failed
        if kind == FAILURE:
            entries, others = others, entries
        entries.put(index, offset)
        others.drop(index)
        return entries
