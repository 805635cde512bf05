"""Items of `jobflow map`: whatever is in a file, it is all items, or refused with its place."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus import FOLDER, read
from jobflows.cli.map.handed import read_handed
from jobflows.cli.map.items import Stream, read_items, read_slice
from jobflows.cli.map.refusal import Refused
from unit.bad_input.test_flows import fuzzed
from unit.bad_input.words import words_of

KEPT = {file["name"]: file for file in read(FOLDER / "items.yaml")}


def items_of(path: Path | str) -> list[Any]:
    return list(read_items(str(path), 0, None, fingerprint=True).values)


@pytest.mark.parametrize("name", KEPT)
def test_what_is_kept_is_told_apart(tmp_path: Path, name: str) -> None:
    file, path = KEPT[name], tmp_path / name
    written = bytes.fromhex(file["bytes"]) if "bytes" in file else file["text"].encode()
    path.write_bytes(written)
    if "items" in file:
        assert items_of(path) == file["items"]
        return
    with pytest.raises(Refused) as refused:
        items_of(path)
    assert file["says"] in str(refused.value)


def test_what_is_no_file_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.jsonl").mkdir()
    (tmp_path / "loop.jsonl").symlink_to("loop.jsonl")
    (tmp_path / "broken.jsonl").symlink_to("nowhere")
    said = {
        "folder.jsonl": "is a folder",
        "loop.jsonl": "loop.jsonl: cannot be read: ",
        "broken.*": "broken.jsonl: cannot be read: No such file",
        "missing.jsonl": "cannot be read: No such file",
        "x" * 300 + ".jsonl": "cannot be read: File name too long",
        "/dev/null": "is no file; give JSON lines by --items -",
        "[": "no file has such a name",
    }
    for kind in ("jsonl", "json", "csv", "txt"):
        os.mkfifo(f"pipe.{kind}")
        said[f"pipe.{kind}"] = "is no file; give JSON lines by --items -"
    for name, words in said.items():
        with pytest.raises(Refused) as refused:
            items_of(name)
        assert words in str(refused.value)


@pytest.mark.parametrize("text", ["", "x", "9" * 5000 + ":", "-1:", "٣:4", "1:2:3", "2:1", ":\n"])
def test_a_slice_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(Refused) as refused:
        read_slice(text)
    assert str(refused.value).startswith("--slice ")
    assert len(str(refused.value)) < 200


PIECES = [b"\n", b"\r", b'"', b",", b"\t", b"[", b"{", b"\\", b"\x00", b"\xff", b"\xef\xbb\xbf"]
contents = st.lists(
    st.sampled_from([*PIECES, b"a", b"1", b"1e9", b'"x"', b'{"a": 1}', "é".encode()])
    | st.binary(max_size=3),
    max_size=20,
).map(b"".join)


@fuzzed
@given(contents, st.sampled_from(["jsonl", "json", "csv", "tsv", "txt"]))
def test_a_file_is_all_items_or_refused(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, kind: str
) -> None:
    path = tmp_path_factory.getbasetemp() / f"items.{kind}"
    path.write_bytes(content)
    said = words_of(Refused, lambda: items_of(path))
    if said:
        assert said.startswith(f"{path}:")
        return
    values = items_of(path)
    if kind in ("jsonl", "txt"):
        lines = content.split(b"\n")
        assert len(values) == sum(bool(line) and not line.isspace() for line in lines)
    for begin in range(len(values) + 1):
        part = read_items(str(path), begin, begin + 1, fingerprint=False)
        assert repr(list(part.values)) == repr(values[begin : begin + 1])


@fuzzed
@given(contents)
def test_a_stream_is_items_until_a_bad_line(content: bytes) -> None:
    reading, writing = os.pipe()
    os.write(writing, content)
    os.close(writing)
    said = words_of(Refused, lambda: list(Stream(reading, 0, None)))
    assert said.startswith("<stdin>:" if said else "")
    os.close(reading)


@fuzzed
@given(contents)
def test_a_block_that_is_handed_over_is_one_or_refused(content: bytes) -> None:
    variables = {"BLOCK": content.decode(errors="replace")}
    said = words_of(Refused, lambda: read_handed("env:BLOCK", variables))
    assert not said or "env:BLOCK" in said
