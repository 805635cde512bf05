"""Bad inputs, kept: each with the field to be named, and the words to be said of it.

`flows/*.yaml` hold values by kind, which are put into `whole.yaml`, a flow with nothing wrong in it
that uses nearly every field. `files.yaml` has texts that a person may hand to a command,
`requests.yaml` what may come to the webhook's port. A bug that somebody or a fuzzer finds gets a
line here, and is looked at from then on by the validator's tests, the webhook's, and those on a
real API server.

    - at: spec.steps[fetch].timeoutSeconds   # where each of the values is put
      says: at least                         # words of the problem there; absent: any
      names: spec.steps                      # the field that is named instead of `at`
      values: [-1, 0]
      accepted: [1]                          # values with which there is nothing wrong

`!times [5, x]` is a text of five x, `!join [a, b]` one of both, `!deep 200` a mapping of 200
levels, `!many [9, v]` a list.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]

Object = dict[str, Any]


class _Loader(yaml.CSafeLoader):
    """With constructors for what is too long to be written out."""


def _times(loader: yaml.CSafeLoader, node: Any) -> str:
    count, text = loader.construct_sequence(node)
    return str(text) * int(count)


def _many(loader: yaml.CSafeLoader, node: Any) -> list[Any]:
    count, item = loader.construct_sequence(node, deep=True)
    return [copy.deepcopy(item) for _ in range(count)]


def _join(loader: yaml.CSafeLoader, node: Any) -> str:
    return "".join(loader.construct_sequence(node))


def _deep(loader: yaml.CSafeLoader, node: Any) -> Any:
    value: Any = 1
    for _ in range(int(loader.construct_scalar(node))):
        value = {"a": value}
    return value


_Loader.add_constructor("!times", _times)
_Loader.add_constructor("!many", _many)
_Loader.add_constructor("!join", _join)
_Loader.add_constructor("!deep", _deep)


def read(path: Path) -> Any:
    """A file of the corpus."""
    return yaml.load(path.read_text(), Loader=_Loader)


@cache
def whole() -> Object:
    """The flow with nothing wrong in it; not to be changed."""
    document: Object = read(FOLDER / "whole.yaml")
    return document


@cache
def good_flows() -> list[Object]:
    """It, the examples and the validator's own; not to be changed."""
    folders = (ROOT / "examples", ROOT / "test" / "unit" / "api" / "flows")
    return [whole(), *(read(file) for folder in folders for file in sorted(folder.glob("*.yaml")))]


@dataclass(frozen=True)
class Case:
    """A flow with one thing wrong in it, or with nothing wrong when `refused` is false."""

    kind: str
    title: str
    document: Any
    named: str
    says: str
    refused: bool

    def __repr__(self) -> str:
        return self.title


@cache
def cases() -> list[Case]:
    """All that `flows/` says."""
    return [case for path in sorted((FOLDER / "flows").glob("*.yaml")) for case in _of(path)]


def _of(path: Path) -> Iterator[Case]:
    for group in read(path):
        at, says = group["at"], group.get("says", "")
        for refused, key in ((True, "values"), (False, "accepted")):
            for number, value in enumerate(group.get(key) or ()):
                document, dotted = put(at, value)
                shown = f"{value!r:.40}".replace(" ", "_").encode("ascii", "replace").decode()
                yield Case(
                    kind=path.stem,
                    title=f"{path.stem}:{at}[{number}]={shown}",
                    document=document,
                    named=group.get("names", dotted),
                    says=says,
                    refused=refused,
                )


_PART = re.compile(r"\['([^']*)'\]|\[([^\]]+)\]|\.?([^.\[]+)")


def put(at: str, value: Any) -> tuple[Any, str]:
    """The whole flow with `value` at a place, and that place with indexes instead of names."""
    if not at:
        return value, ""
    document = dict(whole())
    here: Any = document
    dotted = ""
    parts = [(key or plain, item) for key, item, plain in _PART.findall(at)]
    for place, (key, item) in enumerate(parts):
        step: Any = key
        if item:
            step = int(item) if item.isdigit() else _index(here, item)
        dotted += f"[{step}]" if item else _written(key, first=not dotted)
        if place + 1 < len(parts):
            here[step] = copy.copy(here[step])  # the rest is shared by all cases
            here = here[step]
        elif isinstance(here, list):
            here[step : step + 1] = [value]
        elif value is None:
            here.pop(step, None)
        else:
            here[step] = value
    return document, dotted


def _index(items: list[Any], name: str) -> int:
    return next(number for number, item in enumerate(items) if item["name"] == name)


def _written(key: str, *, first: bool) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", key):
        return f"['{key}']"
    return key if first else f".{key}"


@cache
def odd_values() -> list[Any]:
    """Every value that is put anywhere: what a fuzzer puts everywhere."""
    found = [
        value
        for path in sorted((FOLDER / "flows").glob("*.yaml"))
        for group in read(path)
        for value in (*(group.get("values") or ()), *(group.get("accepted") or ()))
        if len(repr(value)) < 10_000
    ]
    return [*found, None]


def files() -> list[tuple[str, bytes, int, str]]:
    """Title, content, exit code of `jobflow lint` and words, of each text of `files.yaml`."""
    return [
        (
            file["title"],
            bytes.fromhex(file["bytes"]) if "bytes" in file else file["text"].encode(),
            file.get("code", 0),
            file["says"],
        )
        for file in read(FOLDER / "files.yaml")
    ]


@dataclass(frozen=True)
class Request:
    """What is sent to the webhook's port: all of it, or a body that is posted."""

    title: str
    sent: bytes
    is_body: bool
    code: int
    says: str


def requests() -> list[Request]:
    """All of `requests.yaml`; characters up to 255 are bytes."""
    return [
        Request(
            title=each["title"],
            sent=each.get("send", each.get("body")).encode("latin-1", "backslashreplace"),
            is_body="body" in each,
            code=each.get("code", 400),
            says=each.get("says", ""),
        )
        for each in read(FOLDER / "requests.yaml")
    ]
