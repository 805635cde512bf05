"""Functions that tasks of tests call by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jobflows.sdk import task


@task(compute_resources={"memory": "256Mi"}, op_args=["folder"])
def square(number: int, folder: Path) -> dict[str, Any]:
    """Write the square of a number, and say what it is."""
    (folder / f"{number}.txt").write_text(str(number**2))
    return {"square": number**2, "text": "ünïcode"}


@task
def add(square: int, text: str, numbers: list[int], half: float = 0.5, loud: bool = False) -> Any:
    """A sum of all kinds of arguments."""
    total = square + sum(numbers) + half
    print(f"{text}: {total}{'!' * loud}")
    return total


@task
def fail(how: str) -> Any:
    """Fail in some way."""
    if how == "raise":
        raise ValueError(f"no {how} today")
    if how == "memory":
        raise MemoryError
    return {"function": fail} if how == "object" else "x" * 5000


def plain(number: int, *rest: int) -> None:
    """What words cannot call."""
    del number, rest


async def later(number: int) -> None:
    """What nobody awaits."""
    del number
