"""The attempts of the tests' world: each is a Job that lives by its script, on virtual time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.outcomes import Outcome
from jobflows.engine import Attempt, AttemptRef, AttemptState, Cause


@dataclass(slots=True)
class Job:
    """One attempt in the world. `gone_at` is set when it is being stopped."""

    step: str
    number: int
    outcome: Outcome
    created: float
    gone_at: float | None = None
    locks: Mapping[str, int] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"flow-{self.step}-{self.number}"

    def next_moment(self, now: float) -> float | None:
        """When it changes by itself."""
        if self.gone_at is not None:
            return self.gone_at
        ends = self.created + self.outcome.after
        return ends if ends > now and self.outcome.end != "hang" else None

    def exists(self, now: float) -> bool:
        if self.gone_at is not None and now >= self.gone_at:
            return False
        return not (self.outcome.end == "vanish" and now >= self.created + self.outcome.after)

    def _is_stuck(self, now: float) -> bool:
        return self.outcome.end == "stick" and now >= self.created + self.outcome.after

    def is_live(self, now: float) -> bool:
        return self.exists(now) and self.seen(now).is_live

    def stop(self, now: float) -> None:
        if self.seen(now).state is AttemptState.RUNNING:
            self.gone_at = now + self.outcome.stopping

    def seen(self, now: float) -> Attempt:
        """What the adapter says about it."""
        outcome = self.outcome
        ended = outcome.end in ("succeed", "fail") and now >= self.created + outcome.after
        ref = AttemptRef(self.name, f"uid-{self.name}")
        if self.gone_at is not None:
            state = AttemptState.STOPPING
        elif not ended:
            state = AttemptState.RUNNING
        elif outcome.end == "succeed":
            state = AttemptState.SUCCEEDED
        else:
            return Attempt(
                number=self.number,
                state=AttemptState.FAILED,
                ref=ref,
                created=self.created,
                finished=self.created + outcome.after,
                cause=outcome.cause,
                reason=outcome.reason,
                message=outcome.message,
                exit_codes=outcome.exit_codes,
            )
        if state is AttemptState.RUNNING and self._is_stuck(now):
            return Attempt(
                number=self.number,
                state=state,
                ref=ref,
                created=self.created,
                cause=outcome.cause,
                reason=outcome.reason,
                message=outcome.message,
            )
        return Attempt(
            number=self.number,
            state=state,
            ref=ref,
            created=self.created,
            finished=self.created + outcome.after if ended else None,
            message=outcome.running_message if state is AttemptState.RUNNING else "",
            exit_codes=outcome.exit_codes if outcome.end == "hang" else {},
            output=outcome.output if ended else None,
            recheck_at=None if outcome.recheck is None else self.created + outcome.recheck,
            locks=self.locks,
        )


def refused(step: str, number: int, outcome: Outcome, tries: int, now: float) -> Attempt:
    """An attempt that the API server would not create: now, or ever."""
    for_now = outcome.end == "block" and tries <= outcome.times
    return Attempt(
        number=number,
        state=AttemptState.BLOCKED if for_now else AttemptState.FAILED,
        ref=AttemptRef(f"flow-{step}-{number}"),
        cause=Cause.REJECTED,
        reason=outcome.reason,
        message=outcome.message,
        recheck_at=now + 1 if for_now else None,
    )
