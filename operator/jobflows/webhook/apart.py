"""A large review is judged in a process of its own (`__main__.py`), which lives as long as that.

Threads share Python's lock: a call that makes models of 10,000 steps holds it for a third of a
second, and one that does not come back could not be ended. A process can, when its answer is not
waited for any longer. It takes a third of a second to start, so small reviews do without.
"""

from __future__ import annotations

import asyncio
import sys

import msgspec

from jobflows.webhook.__main__ import REFUSED
from jobflows.webhook.judging import Judged
from jobflows.webhook.review import ReviewError

_COMMAND = (sys.executable, "-P", "-m", "jobflows.webhook")


class ApartError(Exception):
    """The process ended without an answer: the review takes more than it may."""


async def judge_apart(path: str, body: bytes) -> Judged:
    """`judge`, elsewhere. Raises `ReviewError` and `ApartError`; when cancelled, it is killed."""
    process = await asyncio.create_subprocess_exec(
        *_COMMAND,
        path,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,  # a traceback may hold words of the body
    )
    try:
        said, _ = await process.communicate(body)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode == REFUSED:
        raise ReviewError(said.decode())
    if process.returncode:
        raise ApartError(f"exit code {process.returncode}")
    return msgspec.msgpack.decode(said, type=Judged)
