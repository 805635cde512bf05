"""Runs of all mixtures, side by side, with one disturbance in their midst."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack

from faults.mixture import MIXTURES, Mixture
from faults.proxy import Script
from faults.trial import Place, Trial, judged

CALLS = 16
"""Of each operator, before the disturbance: it has listed, and has begun to write."""
BEGIN_SECONDS = 120.0
POLL_SECONDS = 0.05

Disturb = Callable[[Sequence[Trial]], Awaitable[None]]


async def disturbed(
    place: Place,
    number: int,
    disturb: Disturb,
    *,
    mixtures: Sequence[Mixture] = tuple(MIXTURES.values()),
    calls: int = CALLS,
    whole_log: bool = True,
    flags: Sequence[str] = (),
    make: Callable[..., Trial] = Trial,
) -> list[str]:
    """Run the mixtures, call `disturb` when each has made so many calls; returns what is wrong."""
    trials = [
        make(place, mixture, Script(), number + n, flags) for n, mixture in enumerate(mixtures)
    ]
    async with AsyncExitStack() as stack:
        for trial in trials:
            trial.whole_log = whole_log
            await stack.enter_async_context(trial.proxy.serving())
        async with asyncio.TaskGroup() as group:
            runs = [group.create_task(judged(trial)) for trial in trials]
            await _begun(trials, calls)
            await disturb(trials)
        return [
            f"{trial.mixture.name}: {what}"
            for trial, run in zip(trials, runs, strict=True)
            for what in run.result()
        ]


async def _begun(trials: Sequence[Trial], calls: int) -> None:
    async with asyncio.timeout(BEGIN_SECONDS):
        while any(len(trial.script.calls) < calls for trial in trials):
            await asyncio.sleep(POLL_SECONDS)
