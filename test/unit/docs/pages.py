"""Reads README.md and docs/ as programs: which blocks are commands, and what they should print.

A fenced block `sh` holds commands, `console` commands after `$ ` with their output, `yaml` a flow.
A comment right before a block says more, several things separated by semicolons:

    <!-- needs: cluster -->   not for every machine; the groups are in GROUPS
    <!-- file: flow.yaml -->  readers are to save the block under this name
    <!-- append: flow.yaml -->  … to add it to the end of that file
    <!-- exit: 1 -->          the exit code of the block's last command

`session.py` runs them, here and in `cluster_suite/test_docs.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs"

GROUPS = {
    "clone": "a fresh clone and minutes; the targets of the Makefile are CI's jobs",
    "cluster": "an API server with simulated pods: cluster_suite/test_docs.py",
    "operator": "the same; the block runs in a terminal of its own until the page ends",
    "own-cluster": "starts or ends a cluster of this machine; the suite's fixture does the same",
    "real-pods": "pods that run programs: test/e2e",
    "chart": "helm, and a cluster without JobFlow: test/e2e/test_install.py",
    "engine": "a container engine, and a registry",
    "kind": "kind and a container engine",
    "terminal": "a person at a terminal",
}

_FENCE = re.compile(r"(`{3,})([\w-]*)\s*$")
_COMMENT = re.compile(r"<!--\s*(.*?)\s*-->\s*$")
_SAYS = re.compile(r"(needs|file|append|exit):\s*(.+)")


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    line: int
    language: str
    text: str
    needs: frozenset[str]
    file: str = ""
    appends: bool = False
    exit: int = 0

    @property
    def is_commands(self) -> bool:
        return self.language in ("sh", "console")

    def commands(self) -> list[tuple[str, list[str] | None]]:
        """Commands with the lines they print; None where the page does not show them."""
        if self.language == "sh":
            return [(self.text, None)]
        found: list[tuple[str, list[str] | None]] = []
        for line in self.text.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            elif line.startswith("> ") and found and not found[-1][1]:
                found[-1] = (f"{found[-1][0]}\n{line[2:]}", [])
            elif found and line.strip():
                shown = found[-1][1]
                assert shown is not None
                shown.append(line)
        return found


@dataclass(frozen=True)
class Page:
    """A Markdown file."""

    path: Path

    @property
    def name(self) -> str:
        return str(self.path.relative_to(ROOT))

    @property
    def text(self) -> str:
        return self.path.read_text()

    def blocks(self) -> list[Block]:
        """All fenced blocks, in order."""
        return list(_blocks(self.text.splitlines()))

    def groups(self) -> frozenset[str]:
        """What its commands need."""
        return frozenset(need for block in self.blocks() for need in block.needs)


def pages() -> list[Page]:
    """README.md, CONTRIBUTING.md and all of docs/ but the decisions."""
    inside = (path for path in sorted(DOCS.rglob("*.md")) if "decisions" not in path.parts)
    return [Page(ROOT / "README.md"), Page(ROOT / "CONTRIBUTING.md"), *map(Page, inside)]


def _blocks(lines: list[str]) -> Iterator[Block]:
    comment = ""
    start, language, fence, body = 0, "", "", list[str]()
    for number, line in enumerate(lines, 1):
        opened = _FENCE.match(line.strip())
        if fence:
            if opened and opened[1] == fence and not opened[2]:
                yield _block(start, language, "\n".join(body), comment)
                fence, comment = "", ""
            else:
                body.append(line)
        elif opened:
            start, fence, language, body = number, opened[1], opened[2], []
        elif found := _COMMENT.match(line.strip()):
            comment = found[1]
        elif line.strip():
            comment = ""
    assert not fence, f"the block of line {start} has no end"


def _block(line: int, language: str, text: str, comment: str) -> Block:
    said: dict[str, str] = {}
    for part in comment.split(";"):
        if found := _SAYS.match(part.strip()):
            said[found[1]] = found[2]
    return Block(
        line=line,
        language=language,
        text=text,
        needs=frozenset(word.strip() for word in said.get("needs", "").split(",") if word.strip()),
        file=said.get("file", said.get("append", "")),
        appends="append" in said,
        exit=int(said.get("exit", 0)),
    )
