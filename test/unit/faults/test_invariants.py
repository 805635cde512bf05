"""Each invariant of `make faults` holds of a good run, and not of one that is bad in its way."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from cluster_suite.flows import flow, step
from faults.audit import OPERATOR, Entry
from faults.invariants import INVARIANTS, Outcome, breaches
from faults.mixture import Due, Mixture

TWO = Mixture(
    name="two",
    flows=(flow("f", step("a"), step("b", "a")),),
    due=(Due("f-a-1"), Due("f-b-1", ("f-a-1",))),
    phases={"f": "Succeeded"},
    steps={"f": {"a": "Succeeded", "b": "Succeeded"}},
)
OWNER = {"ownerReferences": [{"uid": "u"}]}


def _call(second: int, verb: str, resource: str, name: str, **more: Any) -> Entry:
    part, _, sub = resource.partition("/")
    return msgspec.convert(
        {
            "verb": verb,
            "stage": "ResponseComplete",
            "requestReceivedTimestamp": f"2026-01-01T00:00:{second:02}.000000Z",
            "user": {"username": more.get("user", OPERATOR)},
            "objectRef": {"resource": part, "subresource": sub, "name": name},
            "responseStatus": {"code": more.get("code", 200)},
            "requestObject": msgspec.Raw(
                msgspec.json.encode({"status": {"phase": more.get("phase", "")}})
            ),
        },
        Entry,
    )


def _ends(second: int, pod: str) -> Entry:
    return _call(second, "patch", "pods/status", pod, phase="Succeeded", user="node")


CALLS = (
    _call(1, "create", "jobs", "f-a-1"),
    _ends(2, "f-a-1-x7k2p"),
    _call(3, "create", "jobs", "f-b-1"),
    _ends(4, "f-b-1-x7k2p"),
)
STEPS = [{"name": name, "phase": "Succeeded"} for name in "ab"]
STATUS = {
    "phase": "Succeeded",
    "steps": STEPS,
    "progress": {"completedSteps": 2, "totalSteps": 2},
}
GOOD = Outcome(
    mixture=TWO,
    flows={"f": {"metadata": {"uid": "u"}, "status": STATUS}},
    gone=frozenset(),
    jobs=tuple({"metadata": {"name": due.job, **OWNER}} for due in TWO.due),
    made={"configmaps": frozenset()},
    calls=CALLS,
)


def _status(**changes: Any) -> Outcome:
    return replace(GOOD, flows={"f": {"metadata": {"uid": "u"}, "status": {**STATUS, **changes}}})


BAD = {
    "none twice": [
        replace(GOOD, calls=(*CALLS, _call(5, "create", "jobs", "f-a-1"))),
        replace(GOOD, calls=(*CALLS, _call(5, "create", "jobs", "f-a-2"))),
        replace(GOOD, calls=(*CALLS, _ends(5, "f-a-1-other"))),
    ],
    "none skipped": [
        replace(GOOD, calls=CALLS[:2]),
        replace(GOOD, calls=CALLS[:3]),
        replace(GOOD, calls=(*CALLS[:2], _call(3, "create", "jobs", "f-b-1", code=500), CALLS[3])),
    ],
    "none early": [
        replace(GOOD, calls=(CALLS[0], _ends(9, "f-a-1-x7k2p"), *CALLS[2:])),
        replace(GOOD, calls=(CALLS[0], *CALLS[2:])),
    ],
    "all end": [_status(phase="Running"), replace(GOOD, flows={})],
    "none orphaned": [
        replace(GOOD, jobs=GOOD.jobs[:1]),
        replace(GOOD, jobs=({"metadata": {"name": "f-a-1"}}, GOOD.jobs[1])),
        replace(GOOD, jobs=({**GOOD.jobs[0], "status": {"active": 1}}, GOOD.jobs[1])),
        replace(GOOD, made={"configmaps": frozenset({"left"})}),
        replace(GOOD, gone=frozenset({"f"})),
    ],
    "status true": [
        _status(steps=STEPS[:1]),
        _status(steps=[STEPS[0], {**STEPS[1], "lostCount": 1}]),
        _status(progress={"completedSteps": 1, "totalSteps": 2}),
    ],
    "ends well": [replace(GOOD, exit_code=1), replace(GOOD, complaints=("a traceback",))],
}


def test_a_good_run_has_no_breach() -> None:
    assert breaches(GOOD) == []
    assert BAD.keys() == INVARIANTS.keys()


@pytest.mark.parametrize(
    ("name", "outcome"), [(name, outcome) for name, bad in BAD.items() for outcome in bad]
)
def test_a_bad_run_is_told_by_its_invariant(name: str, outcome: Outcome) -> None:
    assert list(INVARIANTS[name](outcome))


def test_a_log_that_lost_its_end_accuses_nobody() -> None:
    for calls in (CALLS[:1], CALLS[:3], (CALLS[0], *CALLS[2:])):
        assert breaches(replace(GOOD, calls=calls, whole_log=False)) == []
