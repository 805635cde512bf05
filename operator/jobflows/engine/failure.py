"""What follows from a failed attempt: another one, the end of the step, or nothing bad at all.

The order of the questions is the policy:
1. Was it the program's fault? A disruption (preemption, eviction, a Job that vanished) has a budget
   of its own, and a Job that the API server will not have is final at once.
2. Does a rule of `executionPolicy.podFailurePolicy` speak about the exit code?
3. Has the step a retry left, and the flow?
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from jobflows.api.policy import Backoff, PodFailureRule
from jobflows.engine.flow import CompiledFlow, CompiledStep
from jobflows.engine.ledger import Reason, StepRecord
from jobflows.engine.observations import Attempt, Cause
from jobflows.engine.retry import backoff_delay

LOSS_BACKOFF = Backoff.model_validate({"duration": "1s", "maxDuration": "5m"})
"""Lost attempts come back soon, but not in a tight loop when a node keeps losing them."""


class Verdict(Enum):
    RETRY = "retry"
    FAIL = "fail"
    IGNORE = "ignore"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """The verdict with its reason. `delay` is in seconds; the costs are 0 or 1."""

    verdict: Verdict
    reason: str
    message: str
    delay: float = 0.0
    retry_cost: int = 0
    loss_cost: int = 0
    ends_flow: bool = False


def judge(
    flow: CompiledFlow, step: CompiledStep, record: StepRecord, attempt: Attempt, flow_retries: int
) -> Judgement:
    """Decide what follows from `attempt`, the failed newest attempt of `step`."""
    reason = attempt.reason or Reason.STEP_FAILED
    if attempt.cause is Cause.REJECTED:
        return Judgement(verdict=Verdict.FAIL, reason=Reason.REJECTED, message=attempt.message)
    if attempt.cause is Cause.DISRUPTION:
        return _judge_loss(flow, step, record, attempt)
    rule = _matching_rule(flow.failure_rules, attempt)
    if rule is not None and rule.action == "Count" and _is_used_up(flow, step, flow_retries):
        return _give_up(flow, attempt)
    if rule is not None and rule.action in ("Ignore", "Count"):
        return Judgement(
            verdict=Verdict.IGNORE,
            reason=Reason.FAILURE_IGNORED,
            message=f"podFailurePolicy {rule.action}: {attempt.message}",
            retry_cost=1 if rule.action == "Count" else 0,
        )
    if rule is not None:
        message = f"podFailurePolicy FailJob: {attempt.message}"
        return Judgement(verdict=Verdict.FAIL, reason=reason, message=message)
    if record.retries >= step.retry.limit:
        spent = f" (after {record.retries} retries)" if record.retries else ""
        return Judgement(verdict=Verdict.FAIL, reason=reason, message=attempt.message + spent)
    if _is_used_up(flow, step, flow_retries):
        return _give_up(flow, attempt)
    delay = backoff_delay(
        step.retry.backoff, record.retries, f"{flow.uid}/{step.name}/{attempt.number}"
    )
    return Judgement(
        verdict=Verdict.RETRY, reason=reason, message=attempt.message, delay=delay, retry_cost=1
    )


def _is_used_up(flow: CompiledFlow, step: CompiledStep, flow_retries: int) -> bool:
    """The flow's limits are for its steps; an exit handler has only its own."""
    return not step.on_exit and flow_retries >= flow.policy.backoff_limit


def _give_up(flow: CompiledFlow, attempt: Attempt) -> Judgement:
    return Judgement(
        verdict=Verdict.FAIL,
        reason=Reason.BACKOFF_LIMIT,
        message=f"{attempt.message} (the flow's backoffLimit of {flow.policy.backoff_limit} "
        "retries is used up)",
        ends_flow=True,
    )


def _judge_loss(
    flow: CompiledFlow, step: CompiledStep, record: StepRecord, attempt: Attempt
) -> Judgement:
    limit = step.retry.on_disruption.limit
    if record.losses >= limit:
        return Judgement(
            verdict=Verdict.FAIL,
            reason=Reason.DISRUPTION_LIMIT,
            message=f"{attempt.message} (onDisruption.limit of {limit} is used up)",
            loss_cost=1,
        )
    return Judgement(
        verdict=Verdict.RETRY,
        reason=attempt.reason or Reason.LOST,
        message=attempt.message,
        delay=backoff_delay(
            LOSS_BACKOFF, record.losses, f"{flow.uid}/{step.name}/{attempt.number}"
        ),
        loss_cost=1,
    )


def _matching_rule(rules: tuple[PodFailureRule, ...], attempt: Attempt) -> PodFailureRule | None:
    for rule in rules:
        code = attempt.exit_codes.get(rule.on_exit_codes.container_name)
        if code is None:
            continue
        if (code in rule.on_exit_codes.values) == (rule.on_exit_codes.operator == "In"):
            return rule
    return None
