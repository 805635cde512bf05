"""What `--items` names: a file with one item a line, a JSON array, paths of a glob, or a stream.

A file is an indexed sequence, so that its length is known and workers read by themselves. Standard
input is read as it comes, in bounded memory.
"""

from __future__ import annotations

import glob
import json
import os
import re
import select
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobflows.cli.map.handed import PREFIX, read_handed
from jobflows.cli.map.records import (
    TOO_DEEP,
    TOO_LONG,
    Checksum,
    Records,
    check_line,
    parse_json,
    parse_text,
    read_lines,
    read_rows,
)
from jobflows.cli.map.refusal import Refused

KINDS = (
    ".jsonl (a JSON value a line), .json (an array), .csv or .tsv (a row a line, the first names "
    "the columns), .txt (a string a line)"
)

_SLICE = re.compile("[0-9]{0,18}:[0-9]{0,18}")

LOOK_SECONDS = 0.1
"""How often a stream that waits for a line looks whether it is to end."""


@dataclass(frozen=True, slots=True)
class Items:
    """Items, or a slice of them. `first` is the index of the first one among all."""

    values: Iterable[Any]
    first: int
    fingerprint: str
    """Tells these items from others; empty if it was not asked for, or cannot be told."""
    files: tuple[str, ...]
    """The files that are read."""


def read_slice(text: str) -> tuple[int, int | None]:
    """START:STOP, either of which may be missing."""
    if not _SLICE.fullmatch(text):
        raise Refused(f"--slice {text:.60}: give START:STOP, whole numbers from 0, such as 100:200")
    start, _, stop = text.partition(":")
    begin, end = int(start or 0), int(stop) if stop else None
    if end is not None and end < begin:
        raise Refused(f"--slice {text}: STOP is below START")
    return begin, end


def read_items(named: str, start: int, stop: int | None, *, fingerprint: bool) -> Items:
    """Items `start` to `stop` of what `--items` names; raises `Refused`."""
    if named == "-":
        return Items(Stream(0, start, stop), start, "", ())
    checksum: Any = None
    if fingerprint:
        import hashlib  # noqa: PLC0415 - a few milliseconds that only a checkpoint needs

        checksum = hashlib.blake2b(digest_size=16)
    if named.startswith(PREFIX):
        if (start, stop) != (0, None):
            raise Refused(f"--slice: {named} is a block already; leave --slice out")
        block, start, text = read_handed(named)
        if checksum is not None:
            checksum.update(text.encode())
        return Items(block, start, f"#{checksum.hexdigest()}" if checksum else "", ())
    try:
        files, read = _read(named, start, stop, checksum)
    except OSError as error:
        raise Refused(f"{error.filename or named}: cannot be read: {error.strerror}") from None
    return Items(read, start, f"#{checksum.hexdigest()}" if checksum else "", files)


def _read(
    named: str, start: int, stop: int | None, checksum: Checksum | None
) -> tuple[tuple[str, ...], list[Any] | Records]:
    if glob.has_magic(named) and not os.path.lexists(named):
        paths = _paths(named, start, stop, checksum)
        return tuple(paths), paths
    path = Path(named)
    suffix = path.suffix.lower()
    if path.is_dir():
        raise Refused(f"{named}: is a folder; name its files by a pattern: '{path}/*'")
    if not stat.S_ISREG(path.stat().st_mode):  # to read a pipe could take for ever, and works once
        raise Refused(f"{named}: is no file; give JSON lines by --items -, or save them in a file")
    if suffix in (".jsonl", ".ndjson"):
        return (named,), read_lines(path, parse_json, start, stop, checksum)
    if suffix == ".txt":
        return (named,), read_lines(path, parse_text, start, stop, checksum)
    if suffix in (".csv", ".tsv"):
        delimiter = "," if suffix == ".csv" else "\t"
        return (named,), read_rows(path, delimiter, start, stop, checksum)
    if suffix == ".json":
        return (named,), _array(path, start, stop, checksum)
    raise Refused(f"{named}: its name does not tell what is in it; call it {KINDS}")


def _array(path: Path, start: int, stop: int | None, checksum: Checksum | None) -> list[Any]:
    try:
        values = json.loads(path.read_bytes().decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise Refused(f"{path}: is not UTF-8 text; convert the file to UTF-8") from None
    except json.JSONDecodeError as error:
        hint = "; call it .jsonl if it has a value a line" if error.msg == "Extra data" else ""
        raise Refused(
            f"{path}:{error.lineno}: is not JSON: {error.msg} at column {error.colno}{hint}"
        ) from None
    except ValueError:
        raise Refused(f"{path}: {TOO_LONG}") from None
    except RecursionError:
        raise Refused(f"{path}: {TOO_DEEP}") from None
    if not isinstance(values, list):
        raise Refused(f"{path}: is a JSON {type(values).__name__}, an array is needed: [ … ]")
    values = values[start:stop]
    if checksum is not None:
        checksum.update(json.dumps(values).encode())
    return values


def _paths(pattern: str, start: int, stop: int | None, checksum: Checksum | None) -> list[str]:
    found = sorted(glob.glob(pattern, recursive=True))
    if not found:
        raise Refused(f"{pattern}: no file has such a name, seen from {os.getcwd()}")
    paths = found[start:stop]
    if checksum is not None:
        # Reading all files could cost more than the work itself, so their size and time must do.
        for path in paths:
            seen = os.stat(path)
            checksum.update(f"{path}\0{seen.st_size}\0{seen.st_mtime_ns}\n".encode())
    return paths


class Stream:
    """JSON lines from a pipe, read as they are wanted. `end` ends it between two lines."""

    def __init__(self, descriptor: int, start: int, stop: int | None) -> None:
        self._file = descriptor
        self._part = (start, stop)
        self._ended = False

    def end(self) -> None:
        """Read no more, and do not wait for more; safe in a signal handler."""
        self._ended = True

    def __iter__(self) -> Iterator[Any]:
        (start, stop), count = self._part, 0
        for number, line in enumerate(self._lines(), 1):
            if stop is not None and count >= stop:
                return
            if not line or line.isspace():
                continue
            if count >= start:
                yield check_line(parse_json, line, f"<stdin>:{number}")
            count += 1

    def _lines(self) -> Iterator[bytes]:
        pieces: list[bytes] = []
        while not self._ended:
            if not select.select([self._file], [], [], LOOK_SECONDS)[0]:
                continue
            data = os.read(self._file, 1 << 16)
            if not data:
                yield b"".join(pieces)
                return
            first, *more = data.split(b"\n")
            pieces.append(first)
            if more:
                yield b"".join(pieces)
                *whole, last = more
                yield from whole
                pieces = [last]
