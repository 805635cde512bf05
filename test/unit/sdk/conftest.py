"""A lab for each test, and runs that go nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from unit.sdk.workflows import Lab


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    made = Lab(tmp_path)
    monkeypatch.setenv("JOBFLOW_HOME", str(made.home))
    return made
