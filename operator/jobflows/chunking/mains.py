"""Whether fresh interpreters may run the caller's main file, to find what is in it.

`multiprocessing` has them do so. A program from standard input has no file to run, though, and one
that does not look at its `__name__` would do all of its work once more in each worker. Such a file
is kept out of workers: functions of other modules, and those that cloudpickle sends, need none.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

WHY = (
    "workers cannot import the program that it is in: put what that does below "
    "`if __name__ == '__main__':`, define it in a module"
)


def is_importable() -> bool:
    """Whether the main file can be run again without doing the program's work."""
    file = getattr(sys.modules["__main__"], "__file__", None)
    try:
        return file is not None and b"__name__" in Path(file).read_bytes()
    except OSError:
        return False


@contextmanager
def kept_out_if_harmful() -> Iterator[None]:
    """Workers that are started meanwhile do not run a main file that is not importable."""
    if is_importable():
        yield
        return
    names = vars(sys.modules["__main__"])
    hidden: dict[str, Any] = {n: names[n] for n in ("__file__", "__spec__") if n in names}
    names.update(dict.fromkeys(hidden))
    try:
        yield
    finally:
        names.update(hidden)
