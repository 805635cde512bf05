"""How a run begins in this program: anew, or taken over from a runner that is gone.

    session = prepare(document, …)       a new run, or the one of that name with `resume=True`
    session = reopen("etl-1", …)         a run of the store
    outcome = await session.run()

`run`, `resume` and `start` are both halves in one.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
import sqlite3
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jobflows.api.resume import RESUME_ANNOTATION
from jobflows.engine import CompiledFlow, StepRecord, edit, revive
from jobflows.engine.stopping import STOP_ANNOTATION
from jobflows.local.clock import steady_clock
from jobflows.local.documents import annotated, completed, outside_values, with_parameters
from jobflows.local.errors import LocalRunError, NameTakenError, UnknownParameterError
from jobflows.local.executor import Executor
from jobflows.local.lock import RunLock
from jobflows.local.outcome import Outcome
from jobflows.local.questions import Approver
from jobflows.local.runner import Observer
from jobflows.local.session import Before, How, Session
from jobflows.local.store import Store
from jobflows.local.stored_run import StoredRun, compile_checked
from jobflows.local.takeover import Wish, by_step, ends_not_seen, request_for, take_lock
from jobflows.local.trouble import said

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


def prepare(
    document: Mapping[str, Any],
    *,
    parameters: Mapping[str, str] | None = None,
    name: str | None = None,
    executor: str | Executor = "process",
    parallelism: int | None = None,
    approver: Approver | None = None,
    observer: Observer | None = None,
    fail_fast: bool | None = None,
    timeout: float | None = None,
    resume: bool = False,
    workdir: Path | None = None,
    home: Path | None = None,
    environment: Mapping[str, str] = os.environ,
    is_checked: bool = False,
) -> Session:
    """A new run of a flow. With `resume` it is the run `name` instead, if there is one, and the
    document is its new spec. `is_checked` says that the validator has passed it. Raises
    `LocalRunError` and `UnavailableError`.
    """
    how = How(
        executor=executor,
        parallelism=parallelism,
        approver=approver,
        observer=observer,
        environment=environment,
    )
    chosen = how.chosen()
    if name is not None and not _NAME.fullmatch(name):
        raise LocalRunError(f"'{name}' is no name of a run; use letters, digits, '.', '_' and '-'")
    if resume and name is None:
        raise LocalRunError("to resume a run it has to be named; give --name")
    values = parameters or {}
    id_ = uuid.uuid4().hex
    made = completed(document, uid=id_, fail_fast=fail_fast, timeout=timeout, is_checked=is_checked)
    flow = compile_checked(made, 0.0)
    made = with_parameters(made, flow, values)
    store = Store.open(home, create=True)
    try:
        existing = store.named(name) if name is not None else None
        if existing is not None and resume:
            return _take_over(store, existing, Wish(), values=values, how=how, new=made)
        if existing is not None:
            raise NameTakenError(_taken(name))
        with said(store.home):
            lock = RunLock(store.home, id_)
            lock.take()
        try:
            run = store.add(
                made,
                name=name,
                workdir=None if workdir is None else workdir.absolute(),
                id=id_,
                created=steady_clock()(),
                executor=chosen.name,
                width=parallelism,
                given=json.dumps(outside_values(flow, values)),
                total=len(flow.steps),
                pid=os.getpid(),
                host=socket.gethostname(),
            )
            flow = compile_checked(made, run.info.created)
            try:
                return Session(store, run, lock, how, flow=flow, document=made, values=values)
            except BaseException:
                run.remove()
                raise
        except BaseException:
            lock.give_back()
            raise
    except sqlite3.IntegrityError:
        store.close()
        raise NameTakenError(_taken(name)) from None
    except BaseException:
        store.close()
        raise


def reopen(
    name: str,
    *,
    from_: Sequence[str] = (),
    succeeded: Sequence[str] = (),
    parameters: Mapping[str, str] | None = None,
    cold: bool = False,
    executor: str | Executor | None = None,
    parallelism: int | None = None,
    approver: Approver | None = None,
    observer: Observer | None = None,
    home: Path | None = None,
    environment: Mapping[str, str] = os.environ,
) -> Session:
    """A run of the store, to run again what did not succeed. Raises `LocalRunError`."""
    how = How(
        executor=executor,
        parallelism=parallelism,
        approver=approver,
        observer=observer,
        environment=environment,
    )
    store = Store.open(home)
    try:
        run = store.run(name)
        how.chosen(run.info.executor)
        wish = Wish(from_, succeeded, cold)
        return _take_over(store, run, wish, values=parameters or {}, how=how)
    except BaseException:
        store.close()
        raise


def _take_over(
    store: Store,
    run: StoredRun,
    wish: Wish,
    *,
    values: Mapping[str, str],
    how: How,
    new: Mapping[str, Any] | None = None,
) -> Session:
    lock = take_lock(run)
    try:
        info, old = run.info, run.document()
        former = compile_checked(old, info.created)
        document = old if new is None else _renewed(old, new)
        document = with_parameters(document, compiled(document, old, former), values)
        _need(run, values)
        flow = compiled(document, old, former)
        ends = ends_not_seen(store, run)
        known = run.ledger(former)
        ledger = revive(known, by_step(former, ends), steady_clock()())
        written: Sequence[StepRecord | None] = known.steps
        if flow is not former:
            ledger, _ = edit(former, flow, ledger)
            written = [None] * len(flow.steps)
        request = request_for(info.name, flow, ledger, wish)
        asked = None if request is None else json.dumps(request)
        document = annotated(document, {STOP_ANNOTATION: None, RESUME_ANNOTATION: asked})
        count = run.begin_again(
            document,
            pid=os.getpid(),
            host=socket.gethostname(),
            executor=how.chosen(info.executor).name,
            width=how.parallelism or info.parallelism,
        )
        before = Before(ledger=ledger, written=written, attempts=by_step(flow, ends), ends=count)
        return Session(
            store, run, lock, how, flow=flow, document=document, values=values, before=before
        )
    except BaseException:
        lock.give_back()
        raise


def compiled(
    document: Mapping[str, Any], old: Mapping[str, Any], former: CompiledFlow
) -> CompiledFlow:
    """`document` ready to run; `former` is what `old` is, which may be the same."""
    same = document["spec"] == old["spec"]
    return former if same else compile_checked(document, former.created)


def _renewed(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """The new spec of a run, which keeps its name, its uid and what people told it."""
    kept = old["metadata"]
    metadata = {**new["metadata"], "name": kept["name"], "uid": kept["uid"]}
    renewed = {**new, "metadata": metadata}
    return annotated(renewed, kept.get("annotations") or {})


def _need(run: StoredRun, values: Mapping[str, str]) -> None:
    """Values that are not stored have to be given again."""
    missing = [name for name in run.given if name not in values]
    if missing:
        raise UnknownParameterError(
            f"run {run.info.name}: {', '.join(missing)} was given for a ConfigMap or a Secret, and "
            f"such values are not stored; give it again: "
            + " ".join(f"--param {name}=…" for name in missing)
        )


def _taken(name: str | None) -> str:
    return f"there is a run {name} already; go on with it with --resume, or choose another --name"


async def run(document: Mapping[str, Any], **how: Any) -> Outcome:
    """`prepare` and `Session.run` in one."""
    return await prepare(document, **how).run()


async def resume(name: str, **how: Any) -> Outcome:
    """`reopen` and `Session.run` in one."""
    return await reopen(name, **how).run()


def start(document: Mapping[str, Any], **how: Any) -> Outcome:
    """The same as `run`, for a program without an event loop."""
    return asyncio.run(run(document, **how))
