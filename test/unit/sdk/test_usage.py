"""What tasks have used: percentiles of what was measured, and nothing made up."""

from __future__ import annotations

import resource
import sys

import pytest

from jobflows.sdk import Spread
from jobflows.usage import Samples
from unit.sdk.workflows import Lab

MORE = 100 << 20
"""Bytes beyond what the process of the tests has ever had: only then does the kernel's own figure
count, which does not depend on when somebody looked."""


def test_percentiles_are_values_that_were_measured() -> None:
    spread = Spread(Samples((5.0, 1.0, 3.0, 2.0)))
    assert spread.values == (1, 2, 3, 5)
    assert (spread.count, spread.min, spread.max) == (4, 1, 5)
    assert (spread.mean, spread.median) == (2.75, 2)
    assert [spread.percentile(p) for p in (0, 25, 95, 100)] == [1, 1, 5, 5]
    assert spread.interval(50) == (None, None), "four values say little"
    with pytest.raises(ValueError, match="from 0 to 100, not 101"):
        spread.percentile(101)
    assert [Spread(Samples((7.0,))).percentile(p) for p in (0, 50, 100)] == [7] * 3


def test_a_percentile_among_tasks_that_never_had_enough_is_not_known() -> None:
    spread = Spread(Samples((1.0, 2.0), (8.0, 8.0)))
    assert (spread.median, spread.percentile(95), spread.beyond) == (2, None, 2)
    assert str(spread) == "median 2, p95 beyond that, most 2 of 2"


def test_the_usage_of_a_template_is_what_its_tasks_needed_to_succeed(lab: Lab) -> None:
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 + MORE
    busy = f"exec {sys.executable} -Sc \"kept = b'x' * {held}\""
    script = f'[ "$1" != 2 ] || exit 1; {busy}'
    template = lab.template("busy", script, max_attempts=1)
    for args in "ab":
        lab.workflow(*template.create_tasks(x=[1, 2], files="."), args=args).run(parallelism=2)
    usage = template.resource_usage()
    assert (usage.tasks, usage.attempts, usage.failed) == (4, 4, 2)
    assert usage.memory is not None
    assert usage.memory.count == 2
    assert held < usage.memory.min <= usage.memory.max < held + MORE
    assert usage.runtime is not None
    assert 0 < usage.runtime.min <= usage.runtime.max < 60
    assert usage.cores is not None
    assert 0 < usage.cores.max < 2
    assert template.resource_usage("a").tasks == 2
    assert str(usage).startswith("4 tasks; memory in MiB: median ")


def test_what_was_not_measured_is_unknown_and_not_zero(lab: Lab) -> None:
    template = lab.template("quick")
    assert template.resource_usage().memory is None
    lab.workflow(template.create_task(x=1, files=".")).run()
    usage = template.resource_usage()
    assert usage.tasks == 1
    assert usage.memory is None, "it ended before anybody could look"
    assert "memory in MiB: unknown" in str(usage)
