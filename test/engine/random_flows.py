"""Generated flows and generated misfortune, for the properties."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from hypothesis import strategies as st

from engine.flows import flow, step
from engine.outcomes import (
    Outcome,
    blocked,
    evicted,
    fail,
    hang,
    out_of_memory,
    rejected,
    stuck,
    succeed,
    vanish,
)
from jobflows.engine import CompiledFlow

# Libraries that are imported on first use disturb the generator if that is in the middle of it.
flow(step("a"), step("b", "a", when="steps.a.phase == 'Succeeded'"))

seconds = st.integers(0, 24).map(lambda n: n / 4)
stops = st.sampled_from([0.0, 0.5, 3.0])

outcomes = st.one_of(
    st.builds(succeed, seconds),
    st.builds(succeed, seconds),
    st.builds(fail, st.integers(1, 4), seconds),
    st.builds(evicted, seconds),
    st.builds(vanish, seconds.filter(lambda n: n > 0)),
    st.builds(hang, stops),
    st.builds(rejected),
    st.builds(out_of_memory, seconds, st.sampled_from(["", "20Mi", "50Mi"])),
    st.builds(stuck, seconds, stops),
    st.builds(blocked, st.integers(1, 3)),
)


_GROWTH: dict[str, Any] = {
    "memory": {"factor": 1.5, "max": "40Mi"},
    "cpu": {"values": ["150m", "1"]},
    "timeout": {"factor": 2, "max": 9},
}
POLICIES: list[dict[str, Any]] = [
    {},
    {"onOutOfMemory": {"limit": 2}, "onTimeout": {"limit": 1}},
    {"resources": _GROWTH},
    {"resources": _GROWTH, "fallbacks": [{"max": {"memory": "64Mi"}}], "onTimeout": {"limit": 2}},
]
"""Parts of a retryPolicy for a step that starts from 16Mi and 100m."""

limits = {"x": 1, "y": 2}
locks = st.sets(st.sampled_from(sorted(limits)), max_size=2).map(
    lambda names: [{"name": name, "limit": limits[name]} for name in sorted(names)]
)


class Case:
    """A flow, the same flow suspended, and what its attempts do. A failing one prints in a line."""

    def __init__(
        self, build: Callable[..., CompiledFlow], words: str, scripts: dict[str, list[Outcome]]
    ) -> None:
        self.flow = build(suspend=False)
        self.suspended = build(suspend=True)
        self._build = build
        self.scripts = scripts
        self._words = words

    def limited(self, parallelism: int) -> CompiledFlow:
        """The same flow with another limit."""
        return self._build(parallelism=parallelism)

    def __repr__(self) -> str:
        return f"Case({self._words} {self.scripts})"


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Up to eight steps. What may hang has a timeout, so that every flow can come to its end."""
    names = [f"s{i}" for i in range(draw(st.integers(1, 8)))]
    names = draw(st.permutations(names))
    steps, scripts = [], {}
    timeouts = st.integers(1, 6)
    default = draw(st.none() | timeouts)
    for i, name in enumerate(names):
        needs = draw(st.sets(st.sampled_from(names[:i]), max_size=3)) if i else set()
        manual = draw(st.integers(0, 6)) == 0
        fields: dict[str, Any] = {"may_fail": draw(st.booleans())}
        if draw(st.integers(0, 4)) == 0:
            asked = sorted(needs)[0] if needs else ""
            fields["when"] = f"steps.{asked}.phase == 'Succeeded'" if asked else "never"
        if manual:
            fields |= {"manual": True, "timeoutSeconds": draw(st.integers(5, 30))}
        else:
            fields |= {
                "retries": draw(st.integers(0, 3)),
                "losses": draw(st.integers(0, 2)),
                "timeout": draw(timeouts if default is None else st.none() | timeouts),
                "job_ttl": draw(st.none() | st.integers(0, 5)),
                "memory": "16Mi",
                "cpu": "100m",
                "policy": draw(st.sampled_from(POLICIES)),
                "locks": draw(locks),
            }
        scripts[name] = draw(st.lists(outcomes, min_size=1, max_size=4))
        steps.append(step(name, " ".join(sorted(needs)), **fields))
    steps = draw(st.permutations(steps))
    policy: dict[str, Any] = {
        "backoffLimit": draw(st.integers(0, 6)),
        "ttlSecondsAfterFinished": 5,
    }
    if default is not None:
        policy["timeoutSeconds"] = default
    if draw(st.booleans()):
        policy["parallelism"] = draw(st.integers(1, 4))
    if draw(st.booleans()):
        policy["activeDeadlineSeconds"] = draw(st.integers(3, 60))
    if draw(st.integers(0, 2)) == 0:
        policy["failFast"] = True
        policy["failFastMode"] = draw(st.sampled_from(["Drain", "Terminate"]))
    if draw(st.booleans()):
        action = draw(st.sampled_from(["FailJob", "Ignore", "Count"]))
        rule = {"action": action, "onExitCodes": {"operator": "In", "values": [2, 3]}}
        policy["podFailurePolicy"] = {"rules": [rule]}
    handlers = []
    for name in ("x0", "x1")[: draw(st.sampled_from([0, 0, 1, 2]))]:
        fields = {"retries": draw(st.integers(0, 2)), "timeout": draw(st.integers(1, 6))}
        if draw(st.booleans()):
            fields["when"] = "flow.phase == 'Failed'"
        after = "x0" if name == "x1" and draw(st.booleans()) else ""
        handlers.append(step(name, after, **fields))
        scripts[name] = draw(st.lists(outcomes, min_size=1, max_size=3))
    volumes = ("data",) if draw(st.booleans()) else ()
    documents = (*steps, *handlers)
    shown = [{k: v for k, v in document.items() if k != "template"} for document in documents]
    return Case(
        partial(flow, *steps, volumes=volumes, on_exit=handlers, **policy),
        f"{policy} {volumes} {shown}",
        scripts,
    )
