"""Flows of an archive, as a place where `usage` and `recommend` look: all runs there have been."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from jobflows.local.archiving import archive_url, catch_up
from jobflows.local.home import data_home
from jobflows.steering.errors import SteerError
from jobflows.usage import Usage

if TYPE_CHECKING:
    from jobflows.archive import Archive, FlowInfo

HERE = "here"
"""Instead of an address: the archive of this machine."""


class ArchivedFlows:
    """An open archive, and the namespace that is asked for."""

    def __init__(self, archive: Archive, namespace: str | None) -> None:
        self._archive = archive
        self._namespace = namespace

    def find(self, name: str) -> FlowInfo:
        """The newest flow of that name. Raises `SteerError`."""
        from jobflows.archive import find_flow  # noqa: PLC0415 - an extra

        with self._archive.reading() as connection:
            found = find_flow(connection, name, namespace=self._namespace)
        if found is None:
            where = f" in the namespace {self._namespace}" if self._namespace else ""
            raise SteerError(f"{self._archive.url} has no flow {name}{where}")
        return found

    def document(self, flow: FlowInfo) -> dict[str, Any]:
        """The flow itself."""
        from jobflows.archive import document  # noqa: PLC0415 - an extra

        with self._archive.reading() as connection:
            found = document(connection, flow.id)
        if found is None:
            raise SteerError(f"{self._archive.url} has not kept what {flow.name} is")
        return found

    def usage(self, flow: FlowInfo) -> list[Usage]:
        """What all flows of its family have used, by the templates that their steps share."""
        from jobflows.archive import steps, usage  # noqa: PLC0415 - an extra

        with self._archive.reading() as connection:
            kinds = dict.fromkeys(step.kind_id for step in steps(connection, flow.id))
            found = [usage(connection, kind) for kind in kinds]
        return [each for each in found if each.attempts]


@contextmanager
def opened(url: str, namespace: str | None) -> Iterator[ArchivedFlows]:
    """Open an archive. Raises `SteerError`."""
    try:
        from jobflows.archive import Archive, ArchiveError  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise SteerError("for an archive: pip install 'jobflows[archive]'") from error
    home = data_home()
    own = archive_url(home)
    try:
        with Archive.open(own if url == HERE else url) as archive:
            if url in (HERE, own):
                catch_up(archive, home)
            yield ArchivedFlows(archive, namespace)
    except ArchiveError as error:
        raise SteerError(str(error)) from error
