"""Every command that the documentation shows is run, and prints what the page says it prints."""

import re
from pathlib import Path

import pytest

from unit.docs.pages import GROUPS, ROOT, Page, pages
from unit.docs.session import Session, compare

LOCAL = [page for page in pages() if any(b.is_commands and not b.needs for b in page.blocks())]


@pytest.mark.parametrize("page", LOCAL, ids=lambda page: page.name)
def test_the_commands_of_a_page_do_what_it_says(page: Page, tmp_path: Path) -> None:
    session = Session(tmp_path)
    for block in page.blocks():
        if block.file:
            session.save(block)
        elif block.is_commands and not block.needs:
            session.run(block, page.name)


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_what_is_not_run_here_belongs_to_a_known_group(page: Page) -> None:
    assert page.groups() <= GROUPS.keys()


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_shells_are_written_so_that_they_are_found(page: Page) -> None:
    known = {"sh", "console", "yaml", "text", "promql", "mermaid", "python", "json"}
    for block in page.blocks():
        assert block.language in known, f"{page.name}:{block.line}: name the language"


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    targets.add("docs")
    for page in pages():
        code = [block.text for block in page.blocks()] + re.findall(r"`([^`\n]+)`", page.text)
        named = {name for text in code for name in re.findall(r"\bmake ([a-z][a-z0-9-]*)", text)}
        assert named <= targets, page.name


def test_a_line_that_was_not_printed_is_found() -> None:
    assert compare(["a  1.20s", "b"], "a 0.31s\n", "b\n") == ([], [])
    assert compare(["a", "b"], "a\n", "") == (["b"], [])
    assert compare(["a"], "a\nb\n", "") == ([], ["b"])
    assert compare(["a", "..."], "a\nb\n", "") == ([], [])
    assert compare(["pod/x-... done"], "pod/x-1 done\n", "") == ([], [])
