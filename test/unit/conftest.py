"""No test touches the runs of whoever starts it."""

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def _home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JOBFLOW_HOME", str(tmp_path_factory.mktemp("home")))
        yield
