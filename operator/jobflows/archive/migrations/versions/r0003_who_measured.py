"""Attempts say who measured what they used; so far only what ran them did."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column(
        "attempts", sa.Column("measured_by", sa.Text(), nullable=False, server_default="")
    )
    op.execute(
        "UPDATE attempts SET measured_by = 'runtime'"
        " WHERE peak_memory IS NOT NULL OR cpu_seconds IS NOT NULL"
    )
