"""Trouble with the files below a home, in words that name the file and the cure."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jobflows.local.errors import StoreError
from jobflows.local.home import FILE

PATIENCE = 10.0
"""Seconds to wait for another program that writes."""

_ELSEWHERE = "Make room or give permission, or keep runs elsewhere: JOBFLOW_HOME=/a/directory"


@contextmanager
def said(home: Path) -> Iterator[None]:
    """Turn trouble with the files below `home` into words with a cure."""
    try:
        yield
    except sqlite3.IntegrityError:
        raise
    except sqlite3.Error as error:
        raise StoreError(explain(home, error)) from error
    except OSError as error:
        if error.errno is None:
            raise
        raise StoreError(_explain_os(home, error)) from error


def explain(home: Path, error: sqlite3.Error) -> str:
    """What an error of SQLite means for somebody who only wants to run a flow."""
    file = home / FILE
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    match code:
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return (
                f"{file} is damaged ({error}). Move it away and start anew: "
                f"`mv {file} {file}.damaged`; logs of earlier runs stay in {home / 'runs'}, but "
                f"those runs cannot be resumed. `sqlite3 {file}.damaged .recover` may get some back"
            )
        case sqlite3.SQLITE_FULL:
            return f"{file} cannot be written: the disk is full. {_ELSEWHERE}"
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM | sqlite3.SQLITE_CANTOPEN:
            return f"{file} cannot be written ({error}): no permission for {home}. {_ELSEWHERE}"
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return (
                f"{file} has been locked by another program for {PATIENCE:g} s; end it, and retry"
            )
        case _:
            return f"{file} cannot be used: {error}. {_ELSEWHERE}"


def _explain_os(home: Path, error: OSError) -> str:
    what = "the disk is full" if error.errno == errno.ENOSPC else error.strerror
    return f"{error.filename or home} cannot be written: {what}. {_ELSEWHERE}"
