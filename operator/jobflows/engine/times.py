"""Instants as Kubernetes writes them."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import overload

from jobflows.engine.ledger import Instant


@overload
def rfc3339(instant: Instant) -> str: ...
@overload
def rfc3339(instant: None) -> None: ...
def rfc3339(instant: Instant | None) -> str | None:
    """Format an instant in UTC, with microseconds only where there are any."""
    if instant is None:
        return None
    return datetime.fromtimestamp(instant, UTC).isoformat().replace("+00:00", "Z")


@overload
def parse_rfc3339(text: str) -> Instant: ...
@overload
def parse_rfc3339(text: None) -> None: ...
def parse_rfc3339(text: str | None) -> Instant | None:
    """Read an instant; raises `ValueError` for what is not RFC 3339."""
    return _parse(text) if text else None


@lru_cache(maxsize=4096)  # each event of a Job tells its creation again
def _parse(text: str) -> Instant:
    return datetime.fromisoformat(text).timestamp()
