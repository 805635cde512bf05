"""Threads of numeric libraries in workers: all together not more than there are cores.

A library of linear algebra starts a thread for each core, and would so in each worker: the threads
of N workers on N cores then take the cores from each other N times. Workers tell it by the
variables it reads when it is loaded. One that is loaded already, as in a forked worker of a caller
that uses numpy, can be told only with the help of threadpoolctl, if that is installed. Where the
user has set one of the variables, all is left as it is.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from jobflows.chunking.machine.cores import usable_cores

VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)


def threads_each(workers: int) -> int | None:
    """How many threads a library may have in each worker; None as many as it likes.

    To be asked in the caller, so that what is needed to tell them is loaded only once.
    """
    if workers < 2 or any(name in os.environ for name in VARIABLES):
        return None
    if "numpy" in sys.modules:
        _controllers()
    return max(1, usable_cores() // workers)


def limit_threads(threads: int | None) -> None:
    """Hold the libraries of this process, a worker, to so many threads."""
    if threads is None:
        return
    os.environ.update(_variables(threads))
    if "numpy" not in sys.modules or (controllers := _controllers()) is None:
        return
    for library in controllers().lib_controllers:
        if library.num_threads > threads:
            library.set_num_threads(threads)


@contextmanager
def inherited(threads: int | None) -> Iterator[None]:
    """Have a program that is started now be held to it from its first import on."""
    if threads is None:
        yield
        return
    os.environ.update(_variables(threads))
    try:
        yield
    finally:
        for name in VARIABLES:
            os.environ.pop(name, None)


def _variables(threads: int) -> dict[str, str]:
    return dict.fromkeys(VARIABLES, str(threads))


def _controllers() -> Any:
    try:
        return importlib.import_module("threadpoolctl").ThreadpoolController
    except ImportError:
        return None
