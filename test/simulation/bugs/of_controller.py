"""Bugs of the controller: effects too early or too often, news that is lost, people not heard."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from jobflows.controller import effects, flowstate, reconciler, starting
from jobflows.controller.admission import Admission
from jobflows.controller.holds import WHOLE_FLOW, Holds
from jobflows.controller.operator import Operator
from jobflows.controller.status_writer import StatusWriter
from jobflows.controller.world import World
from jobflows.engine import Plan
from jobflows.engine import plan as ask
from jobflows.engine import status as written
from jobflows.engine.starts import read_approvals
from jobflows.manifests.job import build_job
from jobflows.manifests.resources import build_resources
from simulation.bugs.bug import Bug, Patch


def _no_timers() -> list[Patch]:
    return [(Operator, "_wake", lambda self, uid, at: None)]


def _refused_waits_for_nobody() -> list[Patch]:
    def stop(self: Holds, steps: Any, now: float) -> bool:
        if WHOLE_FLOW in self._refusals:
            return True
        return bool(steps) and not any(self.allows(step, now, first=True) for step in steps)

    return [(Holds, "stop", stop)]


def _locks_of_others() -> list[Patch]:
    return [(Admission, "locks", lambda self, flow: {})]


def _ended_is_gone() -> list[Patch]:
    peers = World.peers

    def alive(self: World, state: Any) -> Any:
        return [peer for peer in peers(self, state) if not peer.phase.terminal]

    return [(World, "peers", alive)]


def _nobodys_objects() -> list[Patch]:
    def orphans(flow: Any) -> Any:
        made = [*build_resources(flow)]
        for manifest in made:
            manifest["metadata"].pop("ownerReferences", None)
        return made

    return [(effects, "build_resources", orphans)]


def _removals_do_not_wait() -> list[Patch]:
    async def flush(self: StatusWriter, state: Any) -> bool:
        self._spawn(state)
        await asyncio.sleep(0.0005)
        return True

    return [(StatusWriter, "flush", flush)]


def _own_time_to_live() -> list[Patch]:
    def keeping(flow: Any, start: Any, **more: Any) -> dict[str, Any]:
        manifest = build_job(flow, start, **more)
        manifest["spec"]["ttlSecondsAfterFinished"] = 0
        return manifest

    return [(starting, "build_job", keeping)]


def _no_doubt() -> list[Patch]:
    return [(reconciler, "in_doubt", lambda flow, before, seen, answer: False)]


def _failures_are_not_counted() -> list[Patch]:
    write = written.write_head

    def head(flow: Any, ledger: Any, now: float) -> dict[str, Any]:
        status = write(flow, ledger, now)
        return {**status, "progress": {**status["progress"], "failedSteps": 0}}

    return [(written, "write_head", head)]


def _long_stories() -> list[Patch]:
    write = written.write_step

    def step(name: str, record: Any, *, on_exit: bool = False) -> dict[str, Any]:
        told = write(name, record, on_exit=on_exit)
        story = "it was tried, and this is what came of it; " * 120
        return {**told, "message": story * len(record.failures)} if record.failures else told

    return [(written, "write_step", step)]


def _says_the_time(*, ended: bool) -> list[Patch]:
    def plan(flow: Any, ledger: Any, seen: Any, now: float) -> Plan:
        answer = ask(flow, ledger, seen, now)
        if answer.ledger.phase.terminal is not ended or answer.ledger.started is None:
            return answer
        told = replace(answer.ledger, message=f"as of {now:.0f}")
        return replace(answer, ledger=told, wake_at=now + (60.0 if ended else 1.0))

    return [(reconciler, "plan", plan), (reconciler, "at_rest", lambda state, now: None)]


def _nobody_leaves() -> list[Patch]:
    note = Admission.note

    def only_joins(self: Admission, flow: Any, answer: Plan, *, held_up: bool) -> None:
        if any(answer.waits.reasons):
            note(self, flow, answer, held_up=held_up)

    return [(Admission, "leave", lambda self, uid: None), (Admission, "note", only_joins)]


def _stop_is_not_read() -> list[Patch]:
    return [(flowstate, "read_stop", lambda text: None)]


class _OneForAll(dict[str, bool]):
    def get(self, key: str, default: Any = None) -> Any:
        return next(iter(self.values()), default)


def _one_answer_for_all() -> list[Patch]:
    def approvals(annotations: Mapping[str, str]) -> Mapping[str, bool]:
        return _OneForAll(read_approvals(annotations))

    return [(flowstate, "read_approvals", approvals)]


OF_CONTROLLER = (
    Bug("every-flow-ends", "no timer ever rings", _no_timers, 2),
    Bug(
        "every-flow-ends",
        "a flow that was refused stands in no line",
        _refused_waits_for_nobody,
        43,
    ),
    Bug("locks-hold", "only locks of the flow itself are looked at", _locks_of_others, 30),
    Bug(
        "groups-hold", "a flow that has ended is gone, though its pods are not", _ended_is_gone, 35
    ),
    Bug("nothing-orphaned", "ConfigMaps and claims have no owner", _nobodys_objects, 0),
    Bug(
        "outcomes-before-deletion",
        "Jobs are stopped before the status says why",
        _removals_do_not_wait,
        14,
    ),
    Bug("outcomes-before-deletion", "Jobs have a time to live of their own", _own_time_to_live, 0),
    Bug("outcome-is-due", "the word of a watch is enough", _no_doubt, 0),
    Bug("status-agrees", "failed steps are missing in the progress", _failures_are_not_counted, 2),
    Bug("status-small", "the status tells all that ever went wrong", _long_stories, 1),
    Bug("writes-bounded", "a flow that runs says the time", lambda: _says_the_time(ended=False), 4),
    Bug(
        "quiet-at-rest",
        "a flow that has ended says the time",
        lambda: _says_the_time(ended=True),
        0,
    ),
    Bug("gauges-return", "who waited once, waits for ever", _nobody_leaves, 33),
    Bug("stops-obeyed", "nobody reads the annotation", _stop_is_not_read, 205),
    Bug("approvals-needed", "one answer is for all questions", _one_answer_for_all, 53),
)
