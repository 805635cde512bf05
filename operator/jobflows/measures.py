"""How times and amounts are put into words. `jobflow map` uses it, too, so nothing is imported."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """A time span of three digits or so: 0.31s, 12.4s, 3m05s, 2h07m."""
    if seconds < 9.995:
        return f"{max(0.0, seconds):.2f}s"
    if seconds < 59.95:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}m{rest:02d}s"
    return f"{minutes // 60}h{minutes % 60:02d}m"


def size(count: int) -> str:
    """Bytes: 512 KiB, 70 MiB, 1.5 GiB."""
    amount = count / 1024
    for unit in ("KiB", "MiB"):
        if amount < 1023.5:
            return f"{amount:.0f} {unit}"
        amount /= 1024
    return f"{amount:.1f} GiB"
