"""Items that stay in their file: only the place of each is in memory, and workers read for
themselves.

All lines are checked before the first item is worked on, so that a bad line at the end of a large
file is found in the first second and not after hours.
"""

from __future__ import annotations

import csv
import io
import json
import os
from array import array
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from jobflows.cli.map.refusal import Refused

Parse = Callable[[bytes], Any]
csv.field_size_limit(1 << 30)

TOO_DEEP = "is nested too deeply; flatten the value"
TOO_LONG = "has a number of thousands of digits; write it as a string"


class Checksum(Protocol):
    """Of hashlib."""

    def update(self, data: bytes, /) -> None:
        """Take in bytes."""


class Records(Sequence[Any]):
    """Item i is what `parse` makes of the bytes from `places[i]` to `places[i + 1]`."""

    def __init__(self, path: Path, places: array[int], parse: Parse) -> None:
        self._made_of = (path, places, parse)
        self._places = places
        self._parse = parse
        self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def __reduce__(self) -> tuple[type[Records], tuple[Path, array[int], Parse]]:
        return Records, self._made_of

    def __len__(self) -> int:
        return len(self._places) - 1

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self)))]
        if index < 0:
            index += len(self)
        if not 0 <= index < len(self):
            raise IndexError(index)
        begin, end = self._places[index], self._places[index + 1]
        return self._parse(os.pread(self._file, end - begin, begin))

    def __del__(self) -> None:
        os.close(self._file)


def parse_json(data: bytes) -> Any:
    """One value of a .jsonl file."""
    return json.loads(data.decode("utf-8-sig"))


def parse_text(data: bytes) -> str:
    """One line of a .txt file."""
    return data.partition(b"\n")[0].decode("utf-8-sig").removesuffix("\r")


class ParseRow:
    """One row of a .csv file as a dict."""

    def __init__(self, header: list[str], delimiter: str) -> None:
        self.header = header
        self.delimiter = delimiter

    def __call__(self, data: bytes) -> dict[str, str]:
        text = io.StringIO(data.decode("utf-8-sig"), newline="")
        rows = csv.reader(text, delimiter=self.delimiter, strict=True)
        return dict(zip(self.header, next(filter(None, rows)), strict=True))


def read_lines(
    path: Path, parse: Parse, start: int, stop: int | None, checksum: Checksum | None
) -> Records:
    """Items `start` to `stop` of a file with one a line; blank lines are none."""
    places, position, count = array("Q"), 0, 0
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if stop is not None and count >= stop:
                break
            if not line.isspace():
                if count >= start:
                    check_line(parse, line, f"{path}:{number}")
                    if checksum is not None:
                        checksum.update(line.rstrip(b"\r\n") + b"\n")
                    places.append(position)
                count += 1
            position += len(line)
    places.append(position)
    return Records(path, places, parse)


def check_line(parse: Parse, line: bytes, place: str) -> Any:
    """Parse a line; raises `Refused` with its place and the cure."""
    try:
        return parse(line)
    except UnicodeDecodeError:
        raise Refused(f"{place}: is not UTF-8 text; convert the file to UTF-8") from None
    except json.JSONDecodeError as error:
        raise Refused(
            f"{place}: is not JSON: {error.msg} at column {error.colno}; write one JSON value a "
            "line, strings in double quotes"
        ) from None
    except ValueError:
        raise Refused(f"{place}: {TOO_LONG}") from None
    except RecursionError:
        raise Refused(f"{place}: {TOO_DEEP}") from None


def read_rows(
    path: Path, delimiter: str, start: int, stop: int | None, checksum: Checksum | None
) -> Records:
    """Rows `start` to `stop` of a file with a header; fields may hold line breaks."""
    places = array("Q")
    with path.open("rb") as file:
        lines = _Lines(path, file)
        rows = csv.reader(lines, delimiter=delimiter, strict=True)
        try:
            header = next(rows, [])
            if not header or len(set(header)) < len(header):
                raise Refused(
                    f"{path}:1: needs a first line with the name of each column, each once"
                )
            parse, end, count = ParseRow(header, delimiter), lines.position, 0
            for row in rows:
                begin, end = end, lines.position
                if not row:
                    continue
                if stop is not None and count >= stop:
                    end = begin
                    break
                if len(row) != len(header):
                    raise Refused(
                        f"{path}:{rows.line_num}: has {len(row)} fields, the header has "
                        f'{len(header)}; write fields that hold "{delimiter}" in double quotes'
                    )
                if count >= start:
                    places.append(begin)
                    if checksum is not None:
                        checksum.update(repr(list(zip(header, row, strict=True))).encode())
                count += 1
        except csv.Error as error:
            raise Refused(
                f"{path}:{rows.line_num}: is not CSV: {error}; double each quote inside of a "
                "quoted field"
            ) from None
    places.append(end)
    return Records(path, places, parse)


class _Lines:
    """Lines of a file as text, and how far they have been read."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._path = path
        self._file = file
        self.position = 0
        self._number = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._file.readline()
        if not line:
            raise StopIteration
        self._number += 1
        self.position += len(line)
        try:
            return line.decode("utf-8-sig" if self._number == 1 else "utf-8")
        except UnicodeDecodeError:
            place = f"{self._path}:{self._number}"
            raise Refused(f"{place}: is not UTF-8 text; convert the file to UTF-8") from None
