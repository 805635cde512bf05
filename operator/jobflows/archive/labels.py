"""The labels of flows, in rows of their own: a flow is found by one without reading its document.

They are those of the newest document that is known, and are written when that one is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from jobflows.archive.models import Document, Label
from jobflows.archive.words import shown

Row = Mapping[str, Any]


def write_labels(connection: Connection, documents: Sequence[Row], flows: Sequence[Row]) -> None:
    """The labels of documents that are about to be written, and are newer than what is there."""
    newest: dict[str, Row] = {}
    for row in documents:
        flow_id = row["flow_id"]
        if flow_id not in newest or newest[flow_id]["version"] < row["version"]:
            newest[flow_id] = row
    if not newest:
        return
    asked = select(Document.flow_id, Document.version).where(Document.flow_id.in_(newest))
    known = {row.flow_id: row.version for row in connection.execute(asked)}
    changed = {k: row for k, row in newest.items() if known.get(k, -1) < row["version"]}
    if not changed:
        return
    connection.execute(delete(Label).where(Label.flow_id.in_(changed)))
    created = {row["id"]: row["created"] for row in flows}
    rows = [
        {"key": key, "value": value, "created": created[flow_id], "flow_id": flow_id}
        for flow_id, row in sorted(changed.items())
        for key, value in sorted(labels_of(row["document"]).items())
    ]
    if rows:
        dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
        connection.execute(dialect.insert(Label).on_conflict_do_nothing(), rows)


def labels_of(document: str) -> dict[str, str]:
    """What `metadata.labels` of a document says."""
    try:
        found = json.loads(document)
    except ValueError:  # cut, as it was too long
        return {}
    labels = (found.get("metadata") or {}).get("labels") or {}
    return {shown(str(key)): shown(str(value)) for key, value in labels.items()}
