"""The cache: what makes two measurements the same, and that no file of it can do harm."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from jobflows.chunking.cache import Actuals, Cache, key_of

FACTOR = 3
ACTUALS = Actuals(count=10, mean=0.5, deviation=0.1)


def made(source: str) -> Any:
    names: dict[str, Any] = {"FACTOR": FACTOR, "__name__": __name__}
    exec(source, names)
    return names["f"]


def test_the_key_changes_with_a_constant() -> None:
    """Their code alone is the same."""
    short = made("def f(x): return sum(range(10))")
    long = made("def f(x): return sum(range(10_000_000))")
    assert short.__code__.co_code == long.__code__.co_code
    assert key_of(short, [1]) != key_of(long, [1])
    assert key_of(short, [1]) == key_of(made("def f(x): return sum(range(10))"), [1])


def test_the_key_changes_with_defaults_closures_and_globals() -> None:
    def closing_over(n: int) -> Any:
        return lambda x: x + n

    assert key_of(closing_over(1), [1]) != key_of(closing_over(2), [1])
    assert key_of(made("def f(x, n=1): return n"), [1]) != key_of(
        made("def f(x, n=2): return n"), [1]
    )
    reads = made("def f(x): return x * FACTOR")
    before = key_of(reads, [1])
    reads.__globals__["FACTOR"] = 4
    assert key_of(reads, [1]) != before


def test_the_key_changes_with_the_kind_and_the_magnitude_of_items() -> None:
    assert key_of(abs, [10]) == key_of(abs, [12])
    assert key_of(abs, [10]) != key_of(abs, [10_000_000])
    assert key_of(len, ["x"]) != key_of(len, [b"x"])
    assert key_of(len, ["x"]) != key_of(len, ["x" * 1000])


def test_a_function_that_cannot_be_told_from_others_has_no_key() -> None:
    lock = threading.Lock()
    assert key_of(lambda x: lock and x, [1]) is None


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"format": 1}', b'{"format": 0, "count": 1}', b"\xff"]
)
def test_a_damaged_file_is_as_good_as_none(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "key.json").write_bytes(content)
    assert Cache(tmp_path).get("key") is None


def test_what_is_old_is_forgotten(tmp_path: Path) -> None:
    cache = Cache(tmp_path, ttl=60)
    cache.put("key", ACTUALS)
    assert cache.get("key") == ACTUALS
    old = time.time() - 61
    os.utime(tmp_path / "key.json", (old, old))
    assert cache.get("key") is None


def test_a_directory_that_cannot_be_written_to_keeps_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    cache = Cache(tmp_path / "file" / "below")
    cache.put("key", ACTUALS)
    assert cache.get("key") is None
    assert len(cache) == 0
    cache.clear()


def test_files_are_where_caches_of_the_user_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert Cache().directory == tmp_path / "jobflow" / "chunking"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Cache().directory == tmp_path / ".cache" / "jobflow" / "chunking"


def test_the_oldest_files_go_when_there_are_too_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobflows.chunking.cache.MOST", 3)
    cache = Cache(tmp_path)
    for number in range(5):
        cache.put(str(number), ACTUALS)
        os.utime(tmp_path / f"{number}.json", (time.time() - 10 + number,) * 2)
    assert sorted(path.stem for path in tmp_path.iterdir()) == ["2", "3", "4"]


def test_a_new_measurement_outweighs_an_old_one() -> None:
    new = Actuals(count=100, mean=1.0).after(Actuals(count=10_000, mean=3.0))
    assert new.mean == 2.0
    assert Actuals(count=100, mean=1.0).after(Actuals(count=1, mean=3.0)).mean < 1.03
