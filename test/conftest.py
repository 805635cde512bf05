"""For all tests that generate their cases.

They try the same cases each time, so that a change fails for what it did and not for what nobody
had thought of before. `JOBFLOW_EXPLORE=1` looks for that: new cases at each run. None is timed,
since machines are shared and noisy.
"""

from __future__ import annotations

import gc
import os

from hypothesis import settings

settings.register_profile("repeat", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None, print_blob=True)
settings.load_profile("explore" if os.environ.get("JOBFLOW_EXPLORE") else "repeat")


def pytest_collection_finish() -> None:
    """What was imported and collected stays: looked through by no collection, shared by forks."""
    gc.collect()
    gc.freeze()
