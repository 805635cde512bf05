"""A workflow on this machine: `jobflows.local` runs its flow and stores what became of it."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from jobflows.local import (
    LocalRunError,
    Outcome,
    Session,
    Store,
    StoredRun,
    UnavailableError,
    prepare,
    signals_stop,
)
from jobflows.sdk.errors import WorkflowError
from jobflows.sdk.flow import Built
from jobflows.sdk.progress import Progress, logger
from jobflows.sdk.same import check_same, check_tasks
from jobflows.sdk.standing import Standing

T = TypeVar("T")


def run(
    built: Built,
    *,
    resume: bool,
    executor: str,
    parallelism: int | None,
    timeout: float | None,
    home: Path | None,
    folders: Sequence[Path],
) -> Standing:
    """Run it to its end. Raises `WorkflowError`."""
    name = built.document["metadata"]["name"]
    with _in_words():
        with Store.open(home) as store:
            earlier = store.find(name)
            if earlier is not None:
                phase = str(earlier.info.phase)
                check_same(name, earlier.document(), built.document, phase=phase, resume=resume)
        sessions: list[Session] = []

        async def work() -> Outcome:
            # In the thread in which it runs: a store belongs to its thread.
            session = prepare(
                built.document,
                name=name,
                executor=executor,
                parallelism=parallelism,
                timeout=timeout,
                resume=resume,
                home=home,
                environment=_environment(folders),
                observer=Progress(name, len(built.places)),
            )
            sessions.append(session)
            with signals_stop(session, logger.warning):
                return await session.run()

        def stop() -> None:
            for session in sessions:
                session.stop("stopped by Ctrl-C")

        outcome = run_to_end(work, stop)
        return Standing(
            outcome.flow,
            outcome.ledger,
            built.places,
            where=str(outcome.workdir),
            attempts=outcome.attempts,
        )


def look(built: Built, home: Path | None) -> Standing:
    """How its run stands now. Raises `WorkflowError` without one."""
    name = built.document["metadata"]["name"]
    with _in_words(), Store.open(home) as store:
        found = store.find(name)
        if found is None:
            raise WorkflowError(f"{name} was never run on this machine; call run() first")
        check_tasks(name, found.document(), built.document)
        return _stored(found, built)


def read_log(directory: Path, length: int) -> str:
    """The last characters of what the containers of an attempt printed."""
    files = sorted(directory.rglob("*.log"))
    # Four bytes hold any character.
    return "".join(_tail(file, 4 * length) for file in files)[-length:] if length > 0 else ""


def run_to_end(make: Callable[[], Coroutine[Any, Any, T]], stop: Callable[[], None]) -> T:
    """Run a coroutine from anywhere, also where an event loop runs already, as in a notebook.

    There it runs in a thread; an interrupt calls `stop` in its loop, and waits for its end.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(make())
    ended: Future[T] = Future()
    loops: list[asyncio.AbstractEventLoop] = []

    async def main() -> T:
        loops.append(asyncio.get_running_loop())
        return await make()

    def work() -> None:
        try:
            ended.set_result(asyncio.run(main()))
        except BaseException as error:  # noqa: BLE001 - raised again by who waits for it
            ended.set_exception(error)

    threading.Thread(target=work, name="jobflows.sdk").start()
    try:
        return ended.result()
    except KeyboardInterrupt:
        for loop in loops:
            loop.call_soon_threadsafe(stop)
        ended.exception()
        raise


def _stored(run: StoredRun, built: Built) -> Standing:
    flow = run.flow()
    info = run.info
    return Standing(
        flow,
        run.ledger(flow),
        built.places,
        where=str(info.workdir),
        attempts=run.attempts(),
    )


def _environment(folders: Sequence[Path]) -> dict[str, str]:
    """Where processes find the modules of functions: where this program has found them."""
    own = [part for part in os.environ.get("PYTHONPATH", "").split(os.pathsep) if part]
    return {**os.environ, "PYTHONPATH": os.pathsep.join([*map(str, folders), *own])}


def _tail(file: Path, size: int) -> str:
    with file.open("rb") as opened:
        opened.seek(max(0, opened.seek(0, os.SEEK_END) - size))
        return opened.read().decode(errors="replace")


@contextmanager
def _in_words() -> Iterator[None]:
    try:
        yield
    except (LocalRunError, UnavailableError) as error:
        raise WorkflowError(str(error)) from error
