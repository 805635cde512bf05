"""Log lines that a machine can read: one JSON object (or one line of text) each, with the flow.

`configure` is called once by the shell and takes over the root logger, so that kopf, aiohttp and
warnings come out in the same form. Everybody else uses the standard `logging`, and `bind` to put
the flow, namespace and step on a line:

    log = bind(logging.getLogger(__name__), namespace="default", flow="nightly")
    log.info("started %d steps", 3, extra={"step": "extract"})

Rule: no secrets. Fields named like one and bearer tokens inside messages are blotted out; the
values of parameters are never logged by anybody.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from datetime import UTC, datetime
from typing import Any, TextIO

import msgspec

from jobflows.controller.settings import LogFormat, LogLevel

_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_KOPF = frozenset({"k8s_ref", "k8s_skip", "settings"})
_FRAME = ("time", "level", "logger", "message", "error")
_SECRET = re.compile(r"token|secret|passw|authorization|credential|api_?key", re.IGNORECASE)
_BEARER = re.compile(r"([Bb]earer\s+)[-\w.~+/]+=*")
_PLAIN = re.compile(r"[-\w.:/@+,]+")
_HIDDEN = "[hidden]"

_encode = msgspec.json.Encoder(enc_hook=str).encode


class _Bound(logging.LoggerAdapter[logging.Logger]):
    """Adds its fields to every record; those given with the call win."""

    def process(
        self, msg: Any, kwargs: MutableMapping[str, Any]
    ) -> tuple[Any, MutableMapping[str, Any]]:
        kwargs["extra"] = {**(self.extra or {}), **(kwargs.get("extra") or {})}
        return msg, kwargs


Log = logging.Logger | logging.LoggerAdapter[logging.Logger]


def bind(log: Log, **fields: object) -> logging.LoggerAdapter[logging.Logger]:
    """`log` with `fields` on every line; bind again to add more. No name of `LogRecord`'s own."""
    taken = _OWN.intersection(fields)
    if taken:
        raise ValueError(f"{', '.join(sorted(taken))}: reserved by the logging module")
    if isinstance(log, logging.LoggerAdapter):
        return _Bound(log.logger, {**(log.extra or {}), **fields})
    return _Bound(log, fields)


class JsonFormatter(logging.Formatter):
    """One object a line: time, level, logger, message, then the fields."""

    def format(self, record: logging.LogRecord) -> str:
        line = _frame(record)
        for name, value in _fields(record).items():
            line[f"field_{name}" if name in _FRAME else name] = value
        error = _error(self, record)
        if error:
            line["error"] = error
        try:
            return _encode(line).decode()
        except (TypeError, ValueError, RecursionError, msgspec.MsgspecError):
            # A line with a value that JSON cannot hold is still a line.
            return json.dumps({name: str(value) for name, value in line.items()})


class TextFormatter(logging.Formatter):
    """One line for people: `time LEVEL logger: message  flow=a step=b`."""

    def format(self, record: logging.LogRecord) -> str:
        frame = _frame(record)
        line = f"{frame['time']} {record.levelname:<7} {record.name}: {frame['message']}"
        fields = _fields(record)
        if fields:
            line += "  " + " ".join(f"{name}={_quoted(value)}" for name, value in fields.items())
        error = _error(self, record)
        return f"{line}\n{error}" if error else line


def configure(
    log_format: LogFormat = "json", level: LogLevel = "info", stream: TextIO | None = None
) -> None:
    """Send everything that is logged in this process to `stream` (stderr) in our form."""
    handler = logging.StreamHandler(stream if stream is not None else sys.stderr)
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.captureWarnings(capture=True)
    # The event loop's own debug lines describe selectors, not flows.
    logging.getLogger("asyncio").setLevel(max(logging.WARNING, root.level))
    # kopf tells of its own start and stop, which our lines tell in words for users.
    if root.level > logging.DEBUG:
        logging.getLogger("kopf").setLevel(max(logging.WARNING, root.level))


def _frame(record: logging.LogRecord) -> dict[str, Any]:
    moment = datetime.fromtimestamp(record.created, UTC)
    return {
        "time": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": record.levelname.lower(),
        "logger": record.name,
        "message": _blotted(record.getMessage()),
    }


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, value in vars(record).items():
        if name in _OWN or name in _KOPF or name.startswith("_"):
            continue
        if _SECRET.search(name):
            fields[name] = _HIDDEN
        else:
            fields[name] = _blotted(value) if isinstance(value, str) else value
    reference = getattr(record, "k8s_ref", None)
    if isinstance(reference, Mapping):  # kopf's way of saying which object a line is about
        fields.setdefault("namespace", reference.get("namespace"))
        fields.setdefault("flow", reference.get("name"))
    return fields


def _error(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    parts = []
    if record.exc_info and record.exc_info[0] is not None:
        parts.append(formatter.formatException(record.exc_info))
    if record.stack_info:
        parts.append(formatter.formatStack(record.stack_info))
    return _blotted("\n".join(parts))


def _blotted(text: str) -> str:
    return _BEARER.sub(rf"\1{_HIDDEN}", text) if "earer" in text else text


def _quoted(value: object) -> str:
    text = value if isinstance(value, str) else str(value)
    return text if _PLAIN.fullmatch(text) else json.dumps(text)
