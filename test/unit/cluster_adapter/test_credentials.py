"""Tokens are looked up once a minute and survive a missing file; all on virtual time."""

from __future__ import annotations

import asyncio
from pathlib import Path

from jobflows.cluster import Connection
from jobflows.cluster.credentials import TokenSource
from unit.cluster_adapter.scripted import on_virtual_time


def test_a_token_file_is_read_again_after_a_minute(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("one")

    async def scenario() -> list[str | None]:
        source = TokenSource(Connection(server="", token_file=str(file)))
        tokens = [await source.current()]
        file.write_text("two")
        await asyncio.sleep(59)
        tokens.append(await source.current())
        await asyncio.sleep(2)
        tokens.append(await source.current())
        file.unlink()
        await asyncio.sleep(61)
        tokens.append(await source.current())
        return tokens

    assert on_virtual_time(scenario) == ["one", "one", "two", "two"]


def test_a_static_token_has_no_other() -> None:
    async def scenario() -> tuple[str | None, str | None]:
        source = TokenSource(Connection(server="", token="t"))
        return await source.current(), await source.after_unauthorized("t")

    assert on_virtual_time(scenario) == ("t", None)


def test_of_many_refused_at_once_one_reads_and_all_get_the_new_token(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("one")

    async def scenario() -> list[str | None]:
        source = TokenSource(Connection(server="", token_file=str(file)))
        used = await source.current()
        file.write_text("two")
        return await asyncio.gather(*(source.after_unauthorized(used) for _ in range(3)))

    assert on_virtual_time(scenario) == ["two"] * 3
