"""What a flow's document says: compiled, its parameters and labels, and its YAML.

Reading a document of ten thousand steps takes a second, so the sheets that were asked for last are
kept, until a document changes.
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from pydantic import ValidationError
from sqlalchemy import Connection, select

from jobflows.api.model import JobFlow
from jobflows.archive import FlowInfo
from jobflows.archive.models import Document
from jobflows.engine import CompiledFlow

KEPT = 16
MOST_SHOWN = 40_000
"""Letters of JSON; the YAML of a longer document is a page of its own."""

_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


@dataclass(frozen=True, slots=True)
class Sheet:
    """A document. Of a flow that cannot be read, `problem` says why."""

    flow: CompiledFlow | None
    problem: str
    parameters: tuple[tuple[str, str], ...] = ()
    labels: Mapping[str, str] | None = None
    text: str = ""
    is_long: bool = False


class Sheets:
    """The sheets that were asked for last."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, int], Sheet] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, connection: Connection, info: FlowInfo) -> Sheet:
        """The sheet of a flow."""
        asked = select(Document.version).where(Document.flow_id == info.id)
        version = connection.execute(asked).scalar()
        if version is None:
            return Sheet(None, "The archive has no document of this flow.")
        key = (info.id, version)
        with self._lock:
            known = self._kept.get(key)
        if known is None:
            known = _read(_text(connection, info.id), info.created)
            with self._lock:
                self._kept[key] = known
                while len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
        return known


def document_yaml(document: Mapping[str, Any]) -> str:
    """A flow as people write it."""
    text: str = yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
    return text


def _text(connection: Connection, flow: str) -> str:
    asked = select(Document.document).where(Document.flow_id == flow)
    return connection.execute(asked).scalar() or "{}"


def _read(text: str, created: float) -> Sheet:
    try:
        document = json.loads(text)
    except ValueError:  # cut
        return Sheet(None, "The document of this flow was too long for the archive.")
    flow, problem = _compile(document, created)
    is_long = len(text) > MOST_SHOWN
    return Sheet(
        flow=flow,
        problem=problem,
        parameters=tuple(_parameters(document)),
        labels=(document.get("metadata") or {}).get("labels") or {},
        text="" if is_long else document_yaml(document),
        is_long=is_long,
    )


def _compile(document: Mapping[str, Any], created: float) -> tuple[CompiledFlow | None, str]:
    try:
        model = JobFlow.model_validate(document)
        return CompiledFlow.compile(model, created=created), ""
    except (ValidationError, ValueError, KeyError, RecursionError) as error:
        return None, f"This release cannot read the flow: {error}"


def _parameters(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    listed = (document.get("spec") or {}).get("parameters") or []
    return [
        (str(each.get("name", "")), str(each.get("value", "")))
        for each in listed
        if isinstance(each, dict)
    ]
