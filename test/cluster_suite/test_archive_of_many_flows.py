"""Hundreds of flows and their archive, on virtual time: too long for `make test`, and shorter than
`make test-archive`. What goes wrong, and at which statement, is drawn anew for each run."""

from __future__ import annotations

import pytest

from jobflows.archive import Archive
from unit.archive.conftest import archive, empty
from unit.recorder.many import drawn, play_many

__all__ = ["archive", "empty"]


@pytest.mark.parametrize("_time", range(3))
def test_the_archive_of_many_flows_is_what_their_ledgers_are(archive: Archive, _time: int) -> None:
    assert play_many(archive, 80, drawn() + _time) == []
