"""One error by its id, whoever has it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, select

from jobflows.archive.models import Error


@dataclass(frozen=True, slots=True)
class ErrorInfo:
    """What attempts fail with."""

    id: str
    pattern: str
    sample: str
    cause: str


def one_error(connection: Connection, id: str) -> ErrorInfo | None:
    """It, or None."""
    asked = select(Error.id, Error.pattern, Error.sample, Error.cause).where(Error.id == id)
    row = connection.execute(asked).first()
    return None if row is None else ErrorInfo(*row)
