"""The result log: what is in it comes back, whatever happened to the file or to its writer."""

import errno
import math
import os
import resource
import signal
import subprocess
import sys
import tempfile
import tracemalloc
import zlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import jobflows.chunking.checkpoint.log as log_module
from jobflows.chunking.checkpoint import OtherResultsError, ResultLog, ResultLogError

KEY = {"function": "pkg.double", "code": "#1", "items": "#2"}
ROOT = Path(__file__).parents[3]


def written(path: Path, count: int = 5) -> bytes:
    """A log of a few results and one failure."""
    with ResultLog.open(path, KEY) as log:
        for index in range(count):
            log.append(index, {"squared": index * index})
        log.append_failure(count, "no such row")
    return path.read_bytes()


def test_results_come_back_in_the_order_of_the_items(tmp_path: Path) -> None:
    path = tmp_path / "made" / "log"
    with ResultLog.open(path, KEY) as log:
        for index in (7, 0, 3):
            log.append(index, [index])
    with ResultLog.open(path, KEY) as log:
        assert list(log.done.items()) == [(0, [0]), (3, [3]), (7, [7])]
        assert (len(log.done), 3 in log.done, 4 in log.done, -1 in log.done) == (
            3,
            True,
            False,
            False,
        )
        assert log.notes == ()
        with pytest.raises(KeyError):
            log.done[4]


def test_a_value_is_read_before_it_is_flushed(tmp_path: Path) -> None:
    with ResultLog.open(tmp_path / "log", KEY) as log:
        log.append(0, "a")
        log.append(1, "b")
        assert list(log.done.values()) == ["a", "b"]


def test_the_latest_record_of_an_item_counts(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with ResultLog.open(path, KEY) as log:
        log.append_failure(0, "once")
        log.append_failure(1, "twice")
    with ResultLog.open(path, KEY) as log:
        assert (dict(log.done), dict(log.failed)) == ({}, {0: "once", 1: "twice"})
        log.append(0, "well")
    with ResultLog.open(path, KEY) as log:
        assert (dict(log.done), dict(log.failed)) == ({0: "well"}, {1: "twice"})


def test_cut_at_any_byte_it_keeps_what_is_whole(tmp_path: Path) -> None:
    whole = written(tmp_path / "log", 3)
    seen = set()
    for size in range(len(whole) + 1):
        path = tmp_path / f"cut-{size}"
        path.write_bytes(whole[:size])
        with ResultLog.open(path, KEY) as log:
            done = dict(log.done)
            assert list(done.values()) == [{"squared": n * n} for n in range(len(done))]
            assert bool(log.notes) == (path.stat().st_size != size > 0)
            log.append(9, "more")
        with ResultLog.open(path, KEY) as log:
            assert dict(log.done) == done | {9: "more"}
            assert log.notes == ()
        seen.add(len(done))
        path.unlink()
    assert seen == {0, 1, 2, 3}
    assert list(tmp_path.iterdir()) == [tmp_path / "log"]  # a cut is no damage


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 400), flipped=st.integers(1, 255))
def test_any_flipped_byte_is_found(tmp_path: Path, place: int, flipped: int) -> None:
    with tempfile.TemporaryDirectory(dir=tmp_path) as folder:
        path = Path(folder, "log")
        damaged = bytearray(written(path, 3))
        place %= len(damaged)
        damaged[place] ^= flipped
        path.write_bytes(damaged)
        if place < 8:  # the magic word
            with pytest.raises(ResultLogError, match="is not a result log; name another file"):
                ResultLog.open(path, KEY)
            assert path.read_bytes() == damaged
            return
        with ResultLog.open(path, KEY) as log:
            done = dict(log.done)
            assert list(done.values()) == [{"squared": n * n} for n in range(len(done))]
            assert dict(log.failed) == {}
            assert f"{len(done)} results before it are kept" in log.notes[0]
            assert Path(log.notes[0].split()[-1]).read_bytes() == damaged
            log.append(9, "more")
        with ResultLog.open(path, KEY) as log:
            assert (dict(log.done), log.notes) == (done | {9: "more"}, ())


def test_zeros_after_a_power_cut_are_a_torn_tail(tmp_path: Path) -> None:
    path = tmp_path / "log"
    whole = written(path)
    path.write_bytes(whole + bytes(5000))
    with ResultLog.open(path, KEY) as log:
        assert len(log.done) == 5
        assert "the last 5000 bytes were no whole record" in log.notes[0]
    assert path.read_bytes() == whole


def test_another_key_is_refused_and_the_cure_is_named(tmp_path: Path) -> None:
    path = tmp_path / "log"
    whole = written(path)
    with pytest.raises(OtherResultsError) as refused:
        ResultLog.open(path, KEY | {"function": "pkg.triple", "items": "#3"})
    assert str(refused.value) == (
        f"{path}: holds other results: function pkg.double, not pkg.triple, other items; "
        "remove it to begin anew, or name another file"
    )
    assert path.read_bytes() == whole


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"# Diary\n\nDear diary", "is not a result log; name another file"),
        (b"JFRESULT\x02\x00\x00\x00\x00\x00", "written by another version of JobFlow; remove it"),
    ],
)
def test_what_is_none_of_ours_is_left_alone(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "log"
    if content.startswith(b"JF"):
        content += zlib.crc32(content).to_bytes(4, "little")
    path.write_bytes(content)
    with pytest.raises(ResultLogError, match=said):
        ResultLog.open(path, KEY)
    assert path.read_bytes() == content


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file" / "log", tmp_path, Path("/dev/full")):
        with pytest.raises(ResultLogError, match=str(path)):
            ResultLog.open(path, KEY)


def test_a_value_that_cannot_be_pickled_is_named(tmp_path: Path) -> None:
    with ResultLog.open(tmp_path / "log", KEY) as log:
        with pytest.raises(ResultLogError, match=r"item 3 cannot be kept.*return plain data"):
            log.append(3, lambda: None)
        log.append(4, 1)
    with ResultLog.open(tmp_path / "log", KEY) as log:
        assert dict(log.done) == {4: 1}


HOLDER = """
import sys
from jobflows.chunking.checkpoint import ResultLog
with ResultLog.open(sys.argv[1], {"k": "v"}) as log:
    print("open", flush=True)
    sys.stdin.read()
"""


def start(program: str, path: Path, **more: object) -> "subprocess.Popen[str]":
    """A process with the log."""
    return subprocess.Popen(
        [sys.executable, "-c", program, str(path)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "operator")},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with start(HOLDER, path) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        with pytest.raises(ResultLogError, match="in use; wait for the run that writes it"):
            ResultLog.open(path, {"k": "v"})
        holder.communicate("")
    with ResultLog.open(path, {"k": "v"}):
        with pytest.raises(ResultLogError, match="in use"):
            ResultLog.open(path, {"k": "v"})
        with start(HOLDER, path) as other:  # the refusal has not let go of the lock
            assert other.communicate("")[0] == ""
    ResultLog.open(path, {"k": "v"}).close()


WRITER = """
import sys
from jobflows.chunking.checkpoint import ResultLog
with ResultLog.open(sys.argv[1], {"k": "v"}) as log:
    index = len(log.done)
    while True:
        log.append(index, "x" * (index % 5000))
        index += 1
        if index % 100 == 0:
            log.flush()
            print(index, flush=True)
"""


def test_a_killed_writer_loses_nothing_that_was_flushed(tmp_path: Path) -> None:
    path = tmp_path / "log"
    promised = 0
    for _ in range(5):
        with start(WRITER, path) as writer:
            assert writer.stdout is not None
            for _ in range(3):
                promised = int(writer.stdout.readline())
            writer.send_signal(signal.SIGKILL)
        with ResultLog.open(path, {"k": "v"}) as log:
            assert len(log.done) >= promised
            assert all(value == "x" * (index % 5000) for index, value in log.done.items())


def test_a_full_disk_ends_the_log_and_keeps_what_is_durable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_module, "WRITE_SECONDS", math.inf)
    path = tmp_path / "log"
    with ResultLog.open(path, KEY) as log:
        log.append(0, "kept")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 1000, hard))
    try:
        log = ResultLog.open(path, KEY)
        log.append(1, "also kept")
        log.flush()
        log.append(2, "this one still has room")
        log.append(3, "x" * 2000)
        with pytest.raises(ResultLogError) as full:
            log.flush()
        assert str(full.value) == (
            f"{path}: cannot be written: {os.strerror(errno.EFBIG)}; what is in it stays valid, so "
            "make room for it and start again to go on from there"
        )
        kept = {0: "kept", 1: "also kept", 2: "this one still has room"}
        assert dict(log.done) == kept
        with pytest.raises(ResultLogError, match="cannot be written"):
            log.append(4, "no more")
        log.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    with ResultLog.open(path, KEY) as log:
        assert (dict(log.done), log.notes) == (kept, ())
        log.append(3, "at last")
        assert len(log.done) == 4


def test_a_tick_never_raises_and_the_next_append_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_module, "WRITE_SECONDS", math.inf)
    path = tmp_path / "log"
    log = ResultLog.open(path, KEY)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size, hard))
    try:
        log.append(0, "gathered")
        monkeypatch.setattr(log_module, "WRITE_SECONDS", 0.0)
        log.tick()
        assert log.error is not None
        with pytest.raises(ResultLogError, match="cannot be written"):
            log.append(1, "x")
        log.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    with ResultLog.open(path, KEY) as log:
        assert dict(log.done) == {}


def test_memory_does_not_grow_with_the_values(tmp_path: Path) -> None:
    value = "x" * 100_000
    tracemalloc.start()
    with ResultLog.open(tmp_path / "log", KEY) as log:
        for index in range(300):
            log.append(index, value)
        assert sum(len(each) for each in log.done.values()) == 30_000_000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3_000_000
