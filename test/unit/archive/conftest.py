"""An empty archive, made once and copied: making tables takes longer than most tests."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobflows.archive import Archive


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("empty") / "archive.db"
    Archive.open(f"sqlite:///{file}", migrate=True).close()
    return file


@pytest.fixture
def archive(empty: Path, tmp_path: Path) -> Iterator[Archive]:
    file = tmp_path / "archive.db"
    shutil.copyfile(empty, file)
    with Archive.open(f"sqlite:///{file}") as opened:
        yield opened
