"""What all tables share."""

from __future__ import annotations

from typing import ClassVar

from sqlalchemy import BigInteger, Boolean, Float, Text
from sqlalchemy.orm import DeclarativeBase


class Base(DeclarativeBase):
    """All tables."""

    type_annotation_map: ClassVar = {str: Text, int: BigInteger, float: Float, bool: Boolean}


BY_KEY = {"sqlite_with_rowid": False}
"""Tables that are read by their key: SQLite keeps their rows in the order of it."""
