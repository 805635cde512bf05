"""How long to wait before a retry.

The jitter is drawn from the identity of the attempt, not from a random source: two thousand steps
that fail together spread out, and the same plan made twice comes out the same.
"""

from __future__ import annotations

import zlib

from jobflows.api.policy import Backoff


def backoff_delay(backoff: Backoff, retry: int, identity: str) -> float:
    """Seconds to wait before retry number `retry` (0 is the first), jitter included.

    The cap holds for the sum. `identity` names the attempt; it only spreads the jitter.
    """
    try:
        growth = {
            "Exponential": lambda: backoff.factor**retry,
            "Linear": lambda: float(retry + 1),
            "Fixed": lambda: 1.0,
        }[backoff.type]()
    except OverflowError:
        return backoff.cap
    delay = min(backoff.duration * growth, backoff.cap)  # finite, whatever the growth
    delay += delay * backoff.jitter * _fraction(identity)
    return min(delay, backoff.cap)


def _fraction(identity: str) -> float:
    """A number in [0, 1) that depends on nothing but the identity."""
    return zlib.crc32(identity.encode()) / 2**32
