"""A small archive that is filled once, and a browser without a window upon it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from jobflows.archive import Archive
from jobflows.web.application import application
from jobflows.web.site import Site
from unit.web.archives import NOW, make

Reader = Callable[..., TestClient]


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    with make(tmp_path_factory.mktemp("web") / "archive.db", tasks=120) as opened:
        yield opened


@pytest.fixture(scope="session")
def client(archive: Archive) -> TestClient:
    return reader(archive)


def reader(archive: Archive, *, site: dict[str, Any] | None = None, **how: Any) -> TestClient:
    made = application(Site(archive, now=lambda: NOW, **(site or {})), **how)
    return TestClient(made, base_url="http://127.0.0.1:8765", follow_redirects=False)


def gone(file: Path) -> Archive:
    """An archive that was opened, and whose tables are no more."""
    opened = make(file, tasks=1)
    with opened.writing() as connection:
        connection.exec_driver_sql("DROP TABLE flows")
    return opened
