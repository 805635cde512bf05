"""Functions that any worker can import, however it was started."""

from __future__ import annotations

import os
import signal
import threading
from typing import Any

from jobflows.parallel import Feature


def nothing() -> str:
    return "loaded"


def joined(*parts: Any) -> str:
    return "+".join(map(str, parts))


def broken(*_: Any) -> Any:
    raise ValueError("a bad row")


def killed(*_: Any) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


def unsendable() -> Any:
    return threading.Lock()


def where(*_: Any) -> int:
    return os.getpid()


def square(number: int) -> int:
    return number * number


def lengths(feature: Feature, reference: str) -> tuple[str, int, int]:
    return feature.name, len(feature.sequence), len(reference)
