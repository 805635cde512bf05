"""Wall time that never goes backwards.

The engine compares instants with each other: a clock that is set back in the middle of a run would
make a deadline wait for hours. So the time of day is read once, and the steady clock counts on.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from jobflows.engine import Instant

Clock = Callable[[], Instant]
"""Returns UNIX seconds."""


def steady_clock() -> Clock:
    """Return a clock that starts at the time of day and never jumps."""
    offset = time.time() - time.monotonic()
    return lambda: time.monotonic() + offset
