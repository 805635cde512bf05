"""Who created a flow, and labels in rows of their own: flows are found by both."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

CREATED_BY = "workflow.kube-zen.io/created-by"

PORTION = 100
"""Documents that are in memory at once; one has up to 4 MB."""


def upgrade() -> None:
    op.add_column("flows", sa.Column("created_by", sa.Text(), nullable=False, server_default=""))
    op.create_index("flows_by_user", "flows", ["created_by", "created", "id"])
    labels = op.create_table(
        "labels",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("created", sa.Float(), nullable=False),
        sa.Column("flow_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", "value", "created", "flow_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("labels_by_flow", "labels", ["flow_id"])
    _fill(op.get_bind(), labels)


def _fill(connection: sa.Connection, labels: sa.Table) -> None:
    """What the documents say that are there already, a portion at a time."""
    user = sa.text("UPDATE flows SET created_by = :user WHERE id = :id")
    for stored in _portions(connection):
        rows, users = [], []
        for id, created, text in stored:
            metadata = _metadata(text)
            rows += [
                {"key": _text(key), "value": _text(value), "created": created, "flow_id": id}
                for key, value in (metadata.get("labels") or {}).items()
            ]
            by = (metadata.get("annotations") or {}).get(CREATED_BY)
            if by:
                users.append({"user": _text(by), "id": id})
        if rows:
            connection.execute(labels.insert(), rows)
        if users:
            connection.execute(user, users)


def _portions(connection: sa.Connection) -> Iterator[Sequence[Any]]:
    query = sa.text(
        "SELECT id, created, document FROM flows JOIN documents ON flow_id = id"
        " WHERE id > :last ORDER BY id LIMIT :most"
    )
    last = ""
    while found := connection.execute(query, {"last": last, "most": PORTION}).all():
        yield found
        last = found[-1].id


def _metadata(text: str) -> dict[str, Any]:
    try:
        metadata: dict[str, Any] = json.loads(text).get("metadata") or {}
    except ValueError:  # cut, as it was too long
        return {}
    return metadata


def _text(value: object) -> str:
    return str(value).replace("\0", "\N{REPLACEMENT CHARACTER}")
