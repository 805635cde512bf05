"""Most flows of a cluster have ended: a start among them costs little, and changes nothing."""

from __future__ import annotations

import asyncio
import tracemalloc

from bench.start import Lists, at_work, pages

FLOWS = 60


def test_a_finished_flow_is_looked_at_once_and_little_of_it_is_kept() -> None:
    lists = Lists(pages(FLOWS, 5, pods=True))

    async def scenario() -> int:
        tracemalloc.start()
        try:
            async with at_work(lists) as operator:
                kept, _ = tracemalloc.get_traced_memory()
                states = operator.world.flows.values()
                assert len(states) == FLOWS
                assert not any(state.flow or state.ledger for state in states)
                assert sum(len(state.sightings.jobs) for state in states) == 5 * FLOWS
                assert operator.queue.stats.adds == FLOWS
                return kept
        finally:
            tracemalloc.stop()

    kept = asyncio.run(scenario())

    assert lists.writes == 0
    assert kept / FLOWS < 38_000, "bytes of a flow with five Jobs and five pods"
