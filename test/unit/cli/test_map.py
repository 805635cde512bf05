"""`jobflow map` as a person and a script see it: results, refusals, exit codes."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from unit.cli.map_runs import ROOT, Place, results, small_files, until


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_results_are_in_the_order_of_the_items(place: Place) -> None:
    out, err = place.run("functions:double", "--items", "ten.jsonl", "--out", "new/out.jsonl")
    assert place.lines("new/out.jsonl") == results([n * 2 for n in range(10)])
    assert out == ""
    assert err.startswith("items    10: 10 done\n")
    assert sorted(place.calls()) == list(range(10))


@pytest.mark.parametrize(
    ("name", "text", "items"),
    [
        ("a.jsonl", '{"k": 1}\n\n"ä"\r\n[1, null]', [{"k": 1}, "ä", [1, None]]),
        ("bom.jsonl", "\ufeff1\n2\n", [1, 2]),
        ("none.jsonl", "", []),
        ("a.json", '[\n 1, {"k": [2]}, "x"]', [1, {"k": [2]}, "x"]),
        ("a.txt", "first\n\n  second \r\nlast", ["first", "  second ", "last"]),
        (
            "a.csv",
            '\ufeffname,text\nada,"two\nlines, ""quoted"""\n\nbob,\n',
            [{"name": "ada", "text": 'two\nlines, "quoted"'}, {"name": "bob", "text": ""}],
        ),
        ("a.tsv", "n\tm\n1\t2,5\n", [{"n": "1", "m": "2,5"}]),
    ],
)
def test_items_come_from_files(place: Place, name: str, text: str, items: list[Any]) -> None:
    place.write(name, text)
    place.run("functions:same", "--items", name, "--out", "out.jsonl")
    assert place.lines() == results(items)
    place.run("functions:same", "--items", name, "--out", "out.jsonl", "--slice", "1:2")
    assert place.lines() == results(items[1:2], first=1)


def test_items_are_the_paths_of_a_pattern(place: Place) -> None:
    (place.folder / "sub").mkdir()
    for name in ("b.png", "a.png", "sub/c.png", "d.gif"):
        place.write(name, "")
    place.run("functions:same", "--items", "**/*.png", "--out", "out.jsonl")
    assert place.lines() == results(["a.png", "b.png", "sub/c.png"])


def test_items_stream_through_pipes(place: Place) -> None:
    words = ("functions:same", "--items", "-", "--out", "-", "--no-progress")
    out, _ = place.run(*words, stdin='1\n\n"two"\n')
    assert out == '{"index": 0, "result": 1}\n{"index": 1, "result": "two"}\n'
    many = "".join(f"{n}\n" for n in range(30_000))
    out, _ = place.run(*words, stdin=many)
    assert [json.loads(line)["result"] for line in out.splitlines()] == list(range(30_000))


def test_a_stream_that_waits_for_items_ends_when_asked_to(place: Place) -> None:
    words = ("functions:same", "--items", "-", "--out", "out.jsonl")
    with place.start(*words) as process:
        assert process.stdin is not None
        process.stdin.write("1\n2\n")
        process.stdin.flush()
        until((place.folder / "out.jsonl.partial").exists)
        process.terminate()
        assert process.wait(20) == 143


def test_a_slice_keeps_the_indices_of_all_items(place: Place) -> None:
    words = ("functions:double", "--items", "ten.jsonl", "--out", "out.jsonl", "--slice")
    for part, found in (
        ("3:5", [3, 4]),
        (":2", [0, 1]),
        ("8:", [8, 9]),
        ("8:99", [8, 9]),
        ("4:4", []),
    ):
        place.run(*words, part)
        assert place.lines() == results([n * 2 for n in found], first=found[0] if found else 0)


@pytest.mark.parametrize("checkpoint", [(), ("--checkpoint", "state")])
def test_failed_items_are_values_and_the_others_go_on(
    place: Place, checkpoint: tuple[str, ...]
) -> None:
    words = ("functions:picky", "--items", "ten.jsonl", "--out", "out.jsonl", "--slice", "2:8")
    out, err = place.run(*words, "-o", "json", *checkpoint, code=1)
    lines = place.lines()
    assert [line.get("result") for line in lines] == [2, None, 4, None, 6, 7]
    assert [line["index"] for line in lines] == [2, 3, 4, 5, 6, 7]
    error = lines[1]["error"]
    assert (error["kind"], error["message"], error["item"]) == (
        "exception",
        "ValueError: bad row 3",
        "3",
    )
    assert error["traceback"].splitlines()[1].endswith("in picky")
    summary = json.loads(out)["map"]
    assert (summary["items"], summary["done"], summary["failed"]) == (6, 4, 2)
    assert summary["failedItems"] == [
        {"index": 3, "error": "ValueError: bad row 3"},
        {"index": 5, "error": "ValueError: bad row 5"},
    ]
    assert err == ""


def test_the_first_failure_may_end_the_run(place: Place) -> None:
    words = ("functions:picky", "--items", "ten.jsonl", "--out", "out.jsonl", "--errors", "raise")
    place.write("out.jsonl", "of an earlier run\n")
    _, err = place.run(*words, "--slice", "3:", code=1)
    assert "in picky" in err
    assert "jobflow map: item 3 failed, which ends the run" in err
    assert "out.jsonl is not written; the first results are in out.jsonl.partial" in err
    assert "out.jsonl" not in place.names()


def test_what_is_not_json_is_an_error_of_its_item(place: Place) -> None:
    words = ("functions:odd", "--items", "ten.jsonl", "--out", "out.jsonl", "--slice", "0:5")
    place.run(*words, code=1)
    lines = place.lines()
    assert "it holds a set; return dicts, lists" in lines[0]["error"]["message"]
    assert "return None or a string instead of nan" in lines[1]["error"]["message"]
    assert "it holds a complex" in lines[2]["error"]["message"]
    assert (lines[3]["result"], lines[4]["result"]) == ("\ud800", [1, "ä"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["functions:doubel"], "module functions has no function 'doubel'; did you mean double?"),
        (["functions:number"], "functions:number: is of type int, not a function"),
        (["functions:later"], "functions:later: is async; name one that calls asyncio.run"),
        (["functions"], "functions: name a function as package.module:function"),
        (["nothing.here:f"], "module nothing is not found: run from the folder that holds it"),
        (["broken:f"], "module broken cannot be imported: ZeroDivisionError"),
        (["needs:f"], "module needs cannot be imported: ModuleNotFoundError: No module named 'pad"),
        (["functions:same", "--workers", "0"], "--workers 0: give a whole number of at least 1"),
        (["functions:same", "--timeout", "-1"], "--timeout is -1.0: give seconds above 0"),
        (["functions:same", "--target-chunk-seconds", "0"], "--target-chunk-seconds is 0.0: give"),
        (["functions:same", "--slice=-3:"], "--slice -3:: give START:STOP, whole numbers"),
        (["functions:same", "--slice", "5:3"], "--slice 5:3: STOP is below START"),
        (["functions:same", "--items", "no.jsonl"], "no.jsonl: cannot be read: No such file"),
        (["functions:same", "--items", "no.dat"], "no.dat: cannot be read: No such file"),
        (["functions:same", "--items", "functions.py"], "its name does not tell what is in it"),
        (["functions:same", "--items", "*.no"], "*.no: no file has such a name, seen from"),
        (["functions:same", "--items", "."], "is a folder; name its files by a pattern"),
        (["functions:same", "a.txt", "b.txt"], "unknown: a.txt b.txt; quote the pattern"),
        (["functions:same", "--wrokers", "2"], "unknown: --wrokers"),
        (["functions:same", "--out", "ten.jsonl"], "is one of the items' files; name another"),
        (["functions:same", "--out", "ten.jsonl/x"], "--out ten.jsonl/x: cannot be written"),
        (["functions:same", "--out", "-", "-o", "json"], "both go to standard output"),
        (["functions:same", "--items", "-", "--checkpoint", "s"], "save the items in a file"),
        (["functions:same", "--checkpoint", "ten.jsonl"], "--checkpoint ten.jsonl: "),
    ],
)
def test_wrong_usage_is_two_and_says_the_cure(place: Place, words: list[str], said: str) -> None:
    place.write("broken.py", "1 / 0\n")
    place.write("needs.py", "import paddd\n")
    before = place.write("out.jsonl", "of an earlier run\n")
    given = ["--items", "ten.jsonl", "--out", "out.jsonl"]
    _, err = place.run(words[0], *given, *words[1:], code=2)
    assert said in err
    assert err.startswith("jobflow map: ")
    assert before.exists()


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.jsonl", "1\n\n{'k': 1}\n", "a.jsonl:3: is not JSON: Expecting property name enclosed"),
        ("a.jsonl", b"1\n\xff\n", "a.jsonl:2: is not UTF-8 text; convert the file to UTF-8"),
        ("a.jsonl", "[" * 100_000, "a.jsonl:1: is nested too deeply"),
        ("a.json", "1\n2\n", "a.json:2: is not JSON: Extra data at column 1; call it .jsonl if"),
        ("a.json", "{}", "a.json: is a JSON dict, an array is needed"),
        ("a.txt", b"a\n\xff\n", "a.txt:2: is not UTF-8 text"),
        ("a.csv", "a,b\n1,2\n1,2,3\n", "a.csv:3: has 3 fields, the header has 2"),
        ("a.csv", "a,a\n", "a.csv:1: needs a first line with the name of each column, each once"),
        ("a.csv", 'a,b\n1,"x"y\n', "a.csv:2: is not CSV: ',' expected after '\"'"),
        ("a.csv", b"a,b\n1,\xff\n", "a.csv:2: is not UTF-8 text"),
    ],
)
def test_a_bad_line_is_named_before_any_work(
    place: Place, name: str, text: str | bytes, said: str
) -> None:
    place.write(name, text)
    _, err = place.run("functions:double", "--items", name, "--out", "out.jsonl", code=2)
    assert said in err
    assert "calls" not in place.names()


def test_a_bad_line_of_a_stream_ends_the_run(place: Place) -> None:
    words = ("functions:same", "--items", "-", "--out", "out.jsonl")
    _, err = place.run(*words, stdin="1\nno\n", code=2)
    assert "<stdin>:2: is not JSON" in err
    assert "out.jsonl" not in place.names()


def test_a_full_disk_is_named(place: Place) -> None:
    words = ("functions:large", "--items", "ten.jsonl", "--out")
    _, err = place.run(*words, "/dev/full", code=1)
    assert "--out /dev/full: cannot be written: No space left on device" in err
    here = ("--executor", "serial")  # the limit is for memory that processes share, too
    _, err = place.run(*words, "out.jsonl", *here, code=1, preexec_fn=small_files)
    assert "--out out.jsonl: cannot be written: File too large" in err
    assert "out.jsonl" not in place.names()


def test_the_summary_is_the_termination_message(place: Place) -> None:
    message = place.folder / "message"
    words = ("functions:double", "--items", "ten.jsonl", "--out", "out.jsonl", "-o", "json")
    out, _ = place.run(*words, env={"JOBFLOW_TERMINATION_LOG": str(message)})
    summary = json.loads(message.read_text())
    assert summary == json.loads(out)
    assert set(summary["map"]) == {
        *("items", "done", "failed", "skipped", "workers", "executor", "claimItems", "seconds"),
        *("itemSeconds", "cpuSeconds", "predictedSpeedup", "speedup", "efficiency", "peakMemory"),
        *("deaths", "limits", "failedItems"),
    }
    place.run("no:f", *words[1:], code=2, env={"JOBFLOW_TERMINATION_LOG": str(message)})
    assert message.read_text().startswith("module no is not found")


def test_only_the_standard_library_is_needed(place: Place) -> None:
    program = (
        f"import sys; sys.path.insert(0, {str(ROOT / 'operator')!r})\n"
        "sys.argv = ['jobflow', 'map', 'functions:double', '--items', 'ten.jsonl',"
        " '--out', 'out.jsonl', '--checkpoint', 'state']\n"
        "from jobflows.cli.entry import main\n"
        "main()"
    )
    subprocess.run([sys.executable, "-S", "-c", program], cwd=place.folder, check=True)
    assert len(place.lines()) == 10


def test_the_help_of_all_commands_imports_none_of_them() -> None:
    program = (
        "import sys; sys.argv = ['jobflow', '--help']\n"
        "from jobflows.cli.entry import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print({'pydantic', 'networkx', 'yaml', 'jobflows.engine'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(ROOT / "operator")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "set()"
