"""What earlier runs measured, in files: a second `optimize` of the same function need not sample.

Times of items are stored, not decisions: how many workers pay is decided anew for each input, so a
short first run spoils nothing. A key is made of the function's code with its constants, defaults,
closure and the globals that it uses, of the kind and magnitude of some items, and of the machine.
A file that is damaged, old or of another version of this format is as good as none.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from jobflows.chunking.machine.cgroups import cpu_quota
from jobflows.chunking.machine.cores import usable_cores
from jobflows.chunking.machine.kernel_files import ROOT, read

FORMAT = 1
WEEK = 7 * 24 * 3600.0
MOST = 1000
"""Files that are kept; beyond that, the oldest go."""


@dataclass(frozen=True, slots=True)
class Actuals:
    """What was measured. Times are in seconds an item, memory is in bytes; None is not known."""

    count: int
    mean: float
    deviation: float | None = None
    waiting_share: float | None = None
    on_core: float | None = None
    send: float = 0.0
    receive: float = 0.0
    not_sendable: str = ""
    grown: int | None = None
    speedup: float | None = None
    """That the last whole run had."""
    predicted_speedup: float | None = None

    def after(self, earlier: Actuals | None) -> Actuals:
        """These and earlier ones together; at least half of the weight is on these."""
        if earlier is None:
            return self
        weight = min(earlier.count, self.count)
        mean = (self.count * self.mean + weight * earlier.mean) / (self.count + weight)
        return replace(self, mean=mean, deviation=self.deviation or earlier.deviation)


class Cache:
    """In `directory`, or where the user's caches are. `ttl` is in seconds."""

    def __init__(self, directory: str | os.PathLike[str] | None = None, ttl: float = WEEK) -> None:
        if not ttl > 0:
            raise ValueError(f"ttl is {ttl!r}: give seconds above 0")
        self.directory = Path(directory) if directory is not None else _usual()
        self._ttl = ttl

    def get(self, key: str) -> Actuals | None:
        """What was measured under this key, unless it is too old."""
        path = self._path(key)
        try:
            if time.time() - path.stat().st_mtime > self._ttl:
                return None
            return _actuals(json.loads(path.read_bytes()))
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def put(self, key: str, actuals: Actuals) -> None:
        """Keep it; a directory that cannot be written to keeps nothing."""
        content = json.dumps({"format": FORMAT, **asdict(actuals)})
        path = self._path(key)
        draft = path.with_name(f"{path.name}.{os.getpid()}.{time.monotonic_ns()}")
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            draft.write_text(content)
            draft.replace(path)  # readers see the old file or the new one
        except OSError:
            with suppress(OSError):
                draft.unlink()
            return
        self._prune()

    def clear(self) -> None:
        """Forget everything."""
        for path in self._files():
            path.unlink(missing_ok=True)

    def __len__(self) -> int:
        return sum(1 for _ in self._files())

    def _path(self, key: str) -> Path:
        return self.directory / f"{key}.json"

    def _files(self) -> Iterator[Path]:
        return self.directory.glob("*.json")

    def _prune(self) -> None:
        files = list(self._files())
        if len(files) <= MOST:
            return
        known = []
        for path in files:
            with suppress(OSError):  # somebody else has just removed it
                known.append((path.stat().st_mtime, path))
        for _, path in sorted(known)[: len(known) - MOST]:
            path.unlink(missing_ok=True)


def key_of(function: Callable[..., Any], some: Iterable[Any]) -> str | None:
    """The key of a function over items like `some` on this machine; None if there is none."""
    # Only those who have a cache wait for OpenSSL and `inspect`.
    import hashlib  # noqa: PLC0415

    from jobflows.chunking.checkpoint.errors import FingerprintError  # noqa: PLC0415
    from jobflows.chunking.checkpoint.fingerprint import function_key  # noqa: PLC0415

    try:
        about: dict[str, Any] = dict(function_key(function))
    except FingerprintError:
        return None
    about["items"] = sorted({_likeness(item) for item in some})
    about["machine"] = [usable_cores(), cpu_quota(), _processor()]
    text = json.dumps(about, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _likeness(item: Any) -> str:
    """The kind and magnitude of an item: 10 and 10,000 may take very different times."""
    kind = f"{type(item).__module__}.{type(item).__qualname__}"
    with suppress(Exception):  # whatever `__len__` or `__abs__` of an item raises
        if isinstance(item, int | float):
            return f"{kind} {int(abs(item)).bit_length()}"
        size = getattr(item, "nbytes", None)
        return f"{kind} {int(size if size is not None else len(item)).bit_length()}"
    return kind


def _processor() -> str:
    """The model, as far as the system tells: another one takes another time."""
    for line in read(f"{ROOT}/proc/cpuinfo").splitlines():
        name, _, value = line.partition(":")
        if name.strip() in ("model name", "CPU part"):
            return value.strip()
    return ""


def _usual() -> Path:
    base = os.environ.get("XDG_CACHE_HOME", "")
    home = Path(base) if Path(base).is_absolute() else Path.home() / ".cache"
    return home / "jobflow" / "chunking"


def _actuals(found: dict[str, Any]) -> Actuals:
    if found["format"] != FORMAT:
        raise ValueError("another version")
    actuals = Actuals(**{one.name: found[one.name] for one in fields(Actuals)})
    if not (actuals.count > 0 and actuals.mean >= 0):
        raise ValueError("no measurement")
    return actuals
