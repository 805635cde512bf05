"""One reconcile of one flow: compile, observe, plan, carry out.

It asks what is and never what happened, so it may run at any time and any number of times. All that
it decides goes into the flow's ledger in memory first; effects and the status follow from there.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from jobflows.cluster.clock import Clock
from jobflows.cluster.events import EventRecorder
from jobflows.controller.admission import Admission
from jobflows.controller.compiling import Compiler
from jobflows.controller.doubt import in_doubt
from jobflows.controller.effects import Effects
from jobflows.controller.evidence import EvidenceReader
from jobflows.controller.flowstate import FlowState
from jobflows.controller.knowledge import Knowledge
from jobflows.controller.measure import Census, last_moved
from jobflows.controller.metrics import Metrics
from jobflows.controller.rejection import InvalidFlowError, Rejection, is_fresh
from jobflows.controller.rest import at_rest, former_flow
from jobflows.controller.settings import Settings
from jobflows.controller.standstill import is_mended, stand_in
from jobflows.controller.status_writer import StatusWriter
from jobflows.controller.telling import Telling
from jobflows.controller.world import World
from jobflows.engine import (
    CompiledFlow,
    Instant,
    Ledger,
    Plan,
    Reason,
    StartAttempt,
    StepPhase,
    UnreadableStatusError,
    edit,
    plan,
    read_status,
    read_to_plan,
)
from jobflows.engine.edits import FINISHED_ALREADY
from jobflows.engine.sizing import advise


class Reconciler:
    """`wake` is asked to have a flow reconciled again at a point in time.

    `look_up` asks the API server for a flow's Jobs and pods, when a plan is `in_doubt`, `freshen`
    for the flow itself, before its first plan, if what is known of it may be old: it may be gone.
    `recount` is asked before each plan to know all Jobs that count under limits of the flow.
    """

    def __init__(
        self,
        *,
        world: World,
        admission: Admission,
        effects: Effects,
        status: StatusWriter,
        events: EventRecorder,
        metrics: Metrics,
        census: Census,
        settings: Settings,
        clock: Clock,
        wake: Callable[[str, Instant], None],
        look_up: Callable[[FlowState], Awaitable[None]],
        freshen: Callable[[FlowState], Awaitable[bool]],
        recount: Callable[[CompiledFlow], Awaitable[None]],
        evidence: EvidenceReader,
    ) -> None:
        self.compiler = Compiler(metrics)
        self._world = world
        self._admission = admission
        self._effects = effects
        self._status = status
        self._telling = Telling(events, settings)
        self._metrics = metrics
        self._census = census
        self._settings = settings
        self._clock = clock
        self._wake = wake
        self._look_up = look_up
        self._freshen = freshen
        self._recount = recount
        self._evidence = evidence
        self._knowledge = Knowledge()
        self._rejection = Rejection(
            world=world,
            effects=effects,
            status=status,
            census=census,
            metrics=metrics,
            announce=self._telling.announce,
            wake=wake,
            dry_run=settings.dry_run,
            archive_required=settings.archive_required,
        )

    async def reconcile(self, uid: str) -> None:
        """Bring one flow as far as it can go now; raises what has to be tried again."""
        state = self._world.flows.get(uid)
        if state is None or state.record is None:
            return
        if state.record.metadata.deletionTimestamp is not None:
            return
        if state.ledger is None:
            if self._rests(state):
                return
            if not await self._freshen(state):
                return
            if self._world.flows.get(uid) is not state or state.record is None:
                return
        now = self._clock.now()
        try:
            flow = self._compile(state)
        except InvalidFlowError as invalid:
            self._admission.leave(uid)
            await self._rejection.reject(state, invalid.problems, now)
            last = stand_in(state)
            if last is None:
                return
            flow = last
        else:
            is_mended(state)
        try:
            self._load(state, flow, now)
        except UnreadableStatusError as error:
            self._admission.leave(uid)
            words = f"status: cannot be read ({error}). Undo what was edited in it"
            await self._rejection.reject(state, [words], now)
            state.unreadable, state.invalid_generation = True, -1  # the spec may be right
            return
        state.unreadable = False
        self._telling.check_stop(state)
        before = state.ledger or Ledger()
        try:
            await self._recount(flow)
            await self._evidence.gather(state, now)
            answer = self._plan(state, flow, before, now)
            if in_doubt(flow, before, state.sightings.attempts, answer):
                await self._look_up(state)
                now = self._clock.now()
                state.sightings.look_again()
                answer = self._plan(state, flow, before, now)
            if state.record is None:  # deleted while we asked
                return
            await self._follow(state, flow, before, answer, now)
        except BaseException:
            self._admission.leave(uid)
            state.sightings.look_again()
            raise

    def _plan(self, state: FlowState, flow: CompiledFlow, before: Ledger, now: Instant) -> Plan:
        """Ask the engine about the flow as it is seen now."""
        seen = state.observe(
            now,
            peers=self._world.peers(state),
            window=self._settings.start_window,
            quota=self._admission.share(flow),
            locks=self._admission.locks(flow),
            measured=self._knowledge.of(flow.namespace) if flow.maps else None,
            archive_required=self._settings.archive_required,
        )
        return plan(flow, before, seen, now)

    async def _follow(
        self, state: FlowState, flow: CompiledFlow, before: Ledger, answer: Plan, now: Instant
    ) -> None:
        if self._settings.dry_run:
            self._telling.dry_run(flow, answer)
            return
        state.ledger, state.waits = answer.ledger, answer.waits
        self._census.move(flow, before, answer.ledger, now)
        self._knowledge.learn(flow, answer.ledger, now)
        for event in answer.events:
            self._telling.announce(state, event)
        self._telling.mends(state, answer)
        resumed = answer.ledger.resume.run != before.resume.run
        ended = answer.ledger.phase.terminal and (resumed or not before.phase.terminal)
        if answer.ledger != state.ledger_on_record:
            self._status.mark(state, urgent=ended)
        if ended or resumed:
            self._world.finished(state)
        if ended:
            advice = advise(state.tally)
            if advice is not None:
                self._telling.announce(state, advice)
        for moment in (answer.wake_at, state.holds.next_moment(now)):
            if moment is not None:
                self._wake(state.uid, moment)
        starts = [flow.steps[a.step].name for a in answer.actions if isinstance(a, StartAttempt)]
        self._admission.note(flow, answer, held_up=state.holds.stop(starts, now))
        if answer.actions and _is_untold(state):
            if await self._status.flush(state):
                state.sightings.look_again()  # what was free may be another's by now: plan again
                self._wake(state.uid, now)
            return
        if answer.actions:
            await self._effects.carry_out(state, flow, answer.actions)
        self.release(state)

    def release(self, state: FlowState) -> None:
        """Forget the compiled form of a flow that has ended, once that is on record."""
        ledger = state.ledger
        if ledger is None or not ledger.phase.terminal or ledger != state.ledger_on_record:
            return
        if state.sightings.is_live:
            return
        if state.flow is not None and state.flow.steps_with_ttl and state.sightings.jobs:
            return
        state.release()
        self.compiler.drop(state.uid)

    def _rests(self, state: FlowState) -> bool:
        rest = at_rest(state, self._clock.now())
        if rest is None:
            return False
        assert state.record is not None  # the caller has looked
        meta = state.record.metadata
        self._census.meet(
            meta.uid,
            meta.namespace,
            rest.phase,
            rest.steps.values(),
            moved=rest.finished,
            new=False,
        )
        for written in rest.maps:
            self._knowledge.recall(meta.namespace, written, rest.finished)
        self._wake(state.uid, rest.until)
        return True

    def _compile(self, state: FlowState) -> CompiledFlow:
        record = state.record
        assert record is not None  # the caller has looked
        if state.problems_now:
            raise InvalidFlowError(state.problems_now)
        return self.compiler.compile(record)

    def _load(self, state: FlowState, flow: CompiledFlow, now: Instant) -> None:
        """Get the ledger ready for this compiled flow: read, carried over an edit, or as it is."""
        record = state.record
        assert record is not None  # the caller has looked
        if state.ledger is None:
            status = record.decoded_status()
            fresh = status.get("reason") == Reason.INVALID and is_fresh(status, record)
            state.ledger = Ledger() if fresh else read_to_plan(flow, status)
            observed = status.get("observedGeneration")
            state.ledger_on_record = state.ledger if observed == flow.generation else None
            if state.ledger.phase.terminal and observed not in (None, flow.generation):
                former = former_flow(state)
                if former is not None:
                    state.ledger, _ = edit(former, flow, read_status(former, status))
                self._telling.announce(state, FINISHED_ALREADY)
            state.former = None
            state.adopt(flow, now)
            if fresh:
                self._census.leave(flow.uid)
            self._census.meet(
                flow.uid,
                flow.namespace,
                state.ledger.phase,
                _phases(flow, state.ledger),
                moved=last_moved(state.ledger, now),
                new=fresh or not status.get("phase"),
            )
        elif state.flow is not None and state.flow.generation != flow.generation:
            state.ledger, events = edit(state.flow, flow, state.ledger)
            state.ledger_on_record = None
            state.adopt(flow, now)
            for event in events:
                self._telling.announce(state, event)
        elif state.flow is None:
            state.adopt(flow, now)
        else:
            return
        self._census.recount(flow.uid, _phases(flow, state.ledger))


def _is_untold(state: FlowState) -> bool:
    """Whether a resume is taken in, but not on record: after a crash it would be once more.

    So nothing of the new run is started before.
    """
    assert state.ledger is not None  # it has just been planned
    known, told = state.ledger.resume, state.ledger_on_record
    return bool(known.id) and (told is None or told.resume != known)


def _phases(flow: CompiledFlow, ledger: Ledger) -> list[str]:
    return [str(step.phase) for step in ledger.steps] or [StepPhase.PENDING] * len(flow.steps)
