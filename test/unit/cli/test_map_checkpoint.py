"""What is done stays done: `jobflow map --checkpoint` through kills, signals and full disks."""

import json
import os
import signal
from pathlib import Path

import pytest

from unit.cli.map_runs import Place, results, small_files, until

WORDS = ("--items", "ten.jsonl", "--out", "out.jsonl", "--checkpoint", "state")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture
def gated(place: Place) -> Place:
    """Item 5 of `meet` waits, once it has told that it is there."""
    os.mkfifo(place.folder / "gate")
    return place


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGKILL, -9)]
)
@pytest.mark.parametrize("executor", ["auto", "serial"])
def test_a_run_that_was_ended_goes_on_where_it_was(
    gated: Place, number: signal.Signals, code: int, executor: str
) -> None:
    log = gated.folder / "state" / "results.log"
    gated.write("out.jsonl", "of an earlier run\n")
    words = ("functions:meet", *WORDS, "--executor", executor)
    with gated.start(*words) as process:
        until((gated.folder / "here").exists)  # item 5 has begun
        if number is signal.SIGKILL or executor == "auto":
            # What the other worker has done, or a caller that is killed, is on disk by itself.
            until(lambda: log.stat().st_size > 300)
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
    assert process.returncode == code, err
    assert out == ""
    if number is not signal.SIGKILL:
        assert "What is done is kept in state: run the same again to go on." in err
    assert "out.jsonl" not in gated.names()
    (gated.folder / "gate").unlink()
    (gated.folder / "calls").write_text("")
    out, _ = gated.run(*words, "-o", "json")
    assert gated.lines() == results(range(10))
    before = json.loads(out)["map"]["skipped"]
    assert before > 0
    assert len(gated.calls()) == 10 - before  # nothing that was done is done again


def test_everything_done_is_only_written_again(place: Place) -> None:
    place.run("functions:double", *WORDS)
    (place.folder / "out.jsonl").unlink()
    _, err = place.run("functions:double", *WORDS)
    assert sorted(place.calls()) == list(range(10))
    assert "10: 0 done, 10 done before" in err
    assert place.lines() == results([n * 2 for n in range(10)])


def test_failed_items_are_tried_again(place: Place) -> None:
    place.run("functions:picky", *WORDS, code=1)
    _, err = place.run("functions:picky", *WORDS, code=1)
    assert "10: 0 done, 2 failed, 8 done before" in err
    assert [line["index"] for line in place.lines() if "error" in line] == [3, 5]


def test_slices_have_a_log_each(place: Place) -> None:
    place.run("functions:double", *WORDS, "--slice", "0:5")
    place.run("functions:double", *WORDS, "--slice", "5:10")
    assert place.lines() == results([n * 2 for n in range(5, 10)], first=5)
    place.run("functions:double", *WORDS, "--slice", "0:5")
    assert place.lines() == results([n * 2 for n in range(5)])
    assert sorted(place.calls()) == list(range(10))


@pytest.mark.parametrize("name", ["ten.jsonl", "functions.py"])
def test_results_of_other_items_or_code_are_refused(place: Place, name: str) -> None:
    place.run("functions:double", *WORDS)
    text = (place.folder / name).read_text()
    place.write(name, text.replace("9\n", "99\n").replace("x * 2", "x * 4 // 2"))
    _, err = place.run("functions:double", *WORDS, code=2)
    other = "items" if name == "ten.jsonl" else "code"
    assert err == (
        f"jobflow map: --checkpoint state: state/results.log: holds other results: other {other}; "
        "remove it to begin anew, or name another file\n"
    )


def test_a_damaged_log_is_set_aside_and_what_is_missing_is_done(place: Place) -> None:
    place.run("functions:double", *WORDS)
    log = place.folder / "state" / "results.log"
    damaged = bytearray(log.read_bytes())
    damaged[-40] ^= 1
    log.write_bytes(damaged)
    _, err = place.run("functions:double", *WORDS)
    assert "the damaged file is now state/results.log.damaged-1" in err
    assert place.lines() == results([n * 2 for n in range(10)])


def test_a_full_disk_ends_the_run_and_a_later_one_goes_on(place: Place) -> None:
    words = ("functions:large", *WORDS, "--executor", "serial")  # the limit is for memory, too
    _, err = place.run(*words, code=1, preexec_fn=small_files)
    assert "state/results.log: cannot be written: File too large; what is in it stays valid" in err
    assert "out.jsonl" not in place.names()
    _, err = place.run(*words)
    assert "10: 6 done, 4 done before" in err
    assert place.lines() == results(["x" * 20000] * 10)


def test_two_runs_do_not_share_a_log(gated: Place) -> None:
    with gated.start("functions:meet", *WORDS) as first:
        until((gated.folder / "here").exists)
        _, err = gated.run("functions:meet", *WORDS, code=2)
        assert "in use; wait for the run that writes it" in err
        (gated.folder / "gate").write_text("")
        first.communicate(timeout=20)
    assert first.returncode == 0
    assert gated.lines() == results(range(10))
