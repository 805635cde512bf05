"""What people are told of a flow: events on the API server, and lines in the log.

Every event is logged. Of the normal ones few are recorded by default (`PEOPLE`), because each is a
write; warnings always are, unless events are off.
"""

from __future__ import annotations

import logging

from jobflows.cluster.events import EventRecorder
from jobflows.cluster.resources import JOBFLOWS, ObjectRef
from jobflows.controller.flowstate import FlowState
from jobflows.controller.settings import Settings
from jobflows.engine import CompiledFlow, Event, Plan, Reason
from jobflows.engine.resume import STARTED as RESUME_STARTED
from jobflows.engine.stopping import STOP_ANNOTATION, STOP_WORDS, read_stop

PEOPLE = frozenset({Reason.AWAITING_APPROVAL, Reason.APPROVED, "SpecChangeApplied", RESUME_STARTED})
"""Normal events that are told by default: they are about what people do, or have to do."""

log = logging.getLogger(__name__)


class Telling:
    """One for all flows."""

    def __init__(self, events: EventRecorder, settings: Settings) -> None:
        self._events = events
        self._settings = settings

    def announce(self, state: FlowState, event: Event) -> None:
        """Log an event, and record it if it is wanted."""
        record = state.record
        assert record is not None  # only live flows are planned
        meta = record.metadata
        words = f"{event.step}: {event.message}" if event.step else event.message
        log.info(
            "%s: %s",
            event.reason,
            event.message,
            extra={"flow": meta.name, "namespace": meta.namespace, "step": event.step},
        )
        wanted = self._settings.events
        if self._settings.dry_run or wanted == "none":
            return
        if not (wanted == "all" or event.warning or event.reason in PEOPLE):
            return
        regarding = ObjectRef(JOBFLOWS.api_version, "JobFlow", meta.namespace, meta.name, meta.uid)
        self._events.record(
            regarding, str(event.reason), words, type="Warning" if event.warning else "Normal"
        )

    def dry_run(self, flow: CompiledFlow, answer: Plan) -> None:
        """Log what would be done."""
        for action in answer.actions:
            log.info("dry run: %s", action, extra={"flow": flow.name, "namespace": flow.namespace})

    def check_stop(self, state: FlowState) -> None:
        """Say once that nobody knows what a stop annotation means."""
        assert state.record is not None  # the caller has looked
        value = state.record.metadata.annotations.get(STOP_ANNOTATION, "")
        unknown = value if value and read_stop(value) is None else ""
        if unknown and unknown != state.stop_ignored:
            words = f"annotation {STOP_ANNOTATION}: {unknown[:64]!r} is ignored; write {STOP_WORDS}"
            self.announce(state, Event("StopIgnored", words, warning=True))
        state.stop_ignored = unknown

    def mends(self, state: FlowState, answer: Plan) -> None:
        """Say once of a limit that it is not what the flow states."""
        mends = {waiting.mend for waiting in answer.waits.reasons if waiting.mend}
        for words in sorted(mends - state.mends_told):
            self.announce(state, Event("LockLimitLowered", words, warning=True))
        state.mends_told |= mends
