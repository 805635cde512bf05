"""Pages and the API over an archive in PostgreSQL: the same answers as over SQLite."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.errors import UnavailableError
from cluster.postgresql import postgresql
from jobflows.archive import Archive
from unit.web.archives import fill, make
from unit.web.conftest import reader
from unit.web.test_pages import PAGES
from unit.web.test_queries import FACTS, ask_all

ALIKE = (
    *PAGES,
    "/?label=team%3Docean",
    "/api/v1/flows?label=team%3Docean",
    "/api/v1/flows/etl-uid/attempts?step=simulate&limit=1000",
    "/api/v1/errors",
    "/api/v1/summary?since=1798000000&until=1801000000",
)


@pytest.fixture(scope="module")
def archive() -> Iterator[Archive]:
    try:
        with postgresql() as server, Archive.open(server.url, migrate=True) as opened:
            yield opened
    except UnavailableError as error:
        pytest.skip(str(error))


def test_sums_are_right(archive: Archive) -> None:
    archive.write(FACTS)
    with archive.reading() as connection:
        ask_all(connection)
    with archive.writing() as connection:
        for table in ("attempts", "kinds"):
            connection.exec_driver_sql(f"DELETE FROM {table}")


def test_pages_are_the_same(archive: Archive, tmp_path: Path) -> None:
    fill(archive, 120)
    with make(tmp_path / "archive.db", 120) as other:
        one, two = reader(archive), reader(other)
        for path in ALIKE:
            answers = [client.get(path) for client in (one, two)]
            assert [answer.status_code for answer in answers] == [200, 200], path
            assert answers[0].text == answers[1].text, path
