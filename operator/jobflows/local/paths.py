"""Paths inside a container -> paths on this machine.

A container sees its volumes at the paths it asks for; a process does not, and cannot without a
container engine. So the paths are replaced in the text that starts it, at path boundaries only:
with a volume at `/data`, `--out=/data/x.csv` is changed, `/database`, `/srv/data` and
`s3://bucket/data` are not. What a program has written into its own code is beyond reach.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

_BEFORE = r"(?:(?<![\w.~/)}+-])|(?<=file://))"
_AFTER = r"(?![\w~-]|\.\w)"


class PathMap:
    """Replaces the paths of one container; longer paths win over shorter ones."""

    def __init__(self, places: Mapping[str, Path]) -> None:
        self._places = {_normal(path): str(place) for path, place in places.items()}
        longest = sorted(self._places, key=len, reverse=True)
        either = "|".join(re.escape(path) for path in longest)
        self._pattern = re.compile(f"{_BEFORE}(?:{either}){_AFTER}") if longest else None

    def __call__(self, text: str) -> str:
        """Return `text` with every known path replaced."""
        if self._pattern is None or "/" not in text:
            return text
        return self._pattern.sub(lambda found: self._places[found[0]], text)


def _normal(path: str) -> str:
    return path.rstrip("/") or "/"
