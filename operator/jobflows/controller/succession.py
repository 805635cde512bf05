"""What a predecessor wrote, and has not been heard of here yet when its work is taken over.

Versions of two resources compare: they count the writes of one store.
"""

from __future__ import annotations

import asyncio

from jobflows.controller.flowstate import FlowState
from jobflows.controller.settings import Settings
from jobflows.controller.views import Views
from jobflows.engine import CompiledFlow


class Succession:
    """Asked by the reconciler before it relies on what it sees."""

    def __init__(self, views: Views, settings: Settings) -> None:
        self._views = views
        self._shares = bool(
            settings.max_concurrent_jobs or settings.max_concurrent_jobs_per_namespace
        )
        self._version = 0
        self._recounting = asyncio.Lock()
        self._recounted = False

    def begin(self, version: int) -> None:
        """Whoever worked before wrote nothing that is newer than `version`."""
        self._version = version

    async def freshen(self, state: FlowState) -> bool:
        """Read a flow anew that was perhaps written to since it was heard of; False if it is gone.

        Raises what the API server says.
        """
        if self._views.flows.resource_version < self._version:
            return await self._views.look_up_flow(state)
        return True

    async def recount(self, flow: CompiledFlow) -> None:
        """See all Jobs that were made before, once, before anything is counted against a limit.

        Without limits nothing is lost by hearing late of Jobs, whose names are taken. Raises what
        the API server says.
        """
        if self._recounted or not (self._shares or flow.is_limited):
            return
        async with self._recounting:
            if not self._recounted and self._views.jobs.resource_version < self._version:
                await self._views.jobs.catch_up()
            self._recounted = True
