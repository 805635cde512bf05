"""Text as it can be stored and shown: whatever programs print, and people name things.

PostgreSQL takes no NUL, no database takes half a surrogate, and a terminal obeys escape sequences;
so they go. HTML and SQL are text like any other: whoever shows it escapes it.
"""

from __future__ import annotations

import re

MESSAGE_BYTES = 2048
TAIL_BYTES = 4096

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def shown(text: str, most: int = MESSAGE_BYTES) -> str:
    """The text without what cannot be shown, its end cut off after `most` bytes."""
    plain = _plain(text[: 4 * most])
    return plain.encode()[:most].decode(errors="ignore")


def tail(data: bytes | str, most: int = TAIL_BYTES) -> str:
    """The last lines of a log within `most` bytes; of a longer line its end."""
    raw = data.encode(errors="replace") if isinstance(data, str) else data
    last = _plain(raw[-4 * most :].decode(errors="replace").replace("\r\n", "\n")).encode()
    if len(last) <= most:
        return last.decode()
    cut = last[-most:]
    newline = cut.find(b"\n")
    whole = cut[newline + 1 :] if 0 <= newline < most // 2 else cut
    return whole.decode(errors="ignore")


def _plain(text: str) -> str:
    return _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", _ESCAPES.sub("", text.replace("\r", "\n")))
