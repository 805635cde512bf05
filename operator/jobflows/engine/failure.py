"""What follows from a failed attempt: another one, the end of the step, or nothing bad at all.

The order of the questions is the policy:
1. Can another try help? Not if the API server will not have the Job, or the kubelet its pod.
2. Was it the program's fault? A disruption (preemption, eviction, a Job that vanished) has a budget
   of its own, which the flow's does not count.
3. Does a rule of `executionPolicy.podFailurePolicy` speak about the exit code?
4. Has the step a retry left for this cause, and the flow any?
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from jobflows.api.policy import Backoff, OnDisruption, OwnLimit, PodFailureRule, RetryPolicy
from jobflows.engine.flow import CompiledFlow, CompiledStep
from jobflows.engine.ledger import Reason, Spent
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
    """The verdict with its reason. `delay` is in seconds; `spent` includes this attempt."""

    verdict: Verdict
    reason: str
    message: str
    spent: Spent
    delay: float = 0.0
    ends_flow: bool = False


def judge(
    flow: CompiledFlow, step: CompiledStep, spent: Spent, attempt: Attempt, flow_retries: int
) -> Judgement:
    """Decide what follows from `attempt`, a failed attempt of `step`.

    `spent` is what failures before this one have cost the step, `flow_retries` what they have cost
    the flow.
    """
    reason = attempt.reason or Reason.STEP_FAILED
    if attempt.cause in (Cause.REJECTED, Cause.CONFIGURATION):
        final = Reason.REJECTED if attempt.cause is Cause.REJECTED else reason
        return _fail(final, attempt.message, spent)
    if attempt.cause is Cause.DISRUPTION:
        return _judge_loss(flow, step, spent, attempt)
    rule = _matching_rule(flow.failure_rules, attempt)
    if rule is not None and rule.action == "Count" and _is_used_up(flow, step, flow_retries):
        return _give_up(flow, attempt, spent)
    if rule is not None and rule.action in ("Ignore", "Count"):
        return Judgement(
            verdict=Verdict.IGNORE,
            reason=Reason.FAILURE_IGNORED,
            message=f"podFailurePolicy {rule.action}: {attempt.message}",
            spent=spent.plus(attempt.cause) if rule.action == "Count" else spent,
        )
    if rule is not None:
        return _fail(reason, f"podFailurePolicy FailJob: {attempt.message}", spent)
    used = spent.on(attempt.cause)
    if used >= budget(step.retry, attempt.cause):
        after = f" (after {used} retries)" if used else ""
        return _fail(reason, attempt.message + after, spent)
    if _is_used_up(flow, step, flow_retries):
        return _give_up(flow, attempt, spent)
    identity = f"{flow.uid}/{step.name}/{attempt.number}"
    return Judgement(
        verdict=Verdict.RETRY,
        reason=reason,
        message=attempt.message,
        delay=backoff_delay(step.retry.backoff, spent.counted, identity),
        spent=spent.plus(attempt.cause),
    )


def budget(retry: RetryPolicy, cause: Cause) -> int:
    """How many more attempts a step has after failures for one cause."""
    own: dict[Cause, OwnLimit | OnDisruption] = {
        Cause.OUT_OF_MEMORY: retry.on_out_of_memory,
        Cause.TIMEOUT: retry.on_timeout,
        Cause.DISRUPTION: retry.on_disruption,
    }
    limit = own[cause].limit if cause in own else None
    return retry.limit if limit is None else limit


def _fail(reason: str, message: str, spent: Spent) -> Judgement:
    return Judgement(verdict=Verdict.FAIL, reason=reason, message=message, spent=spent)


def _is_used_up(flow: CompiledFlow, step: CompiledStep, flow_retries: int) -> bool:
    """The flow's limits are for its steps; an exit handler has only its own."""
    return not step.on_exit and flow_retries >= flow.policy.backoff_limit


def _give_up(flow: CompiledFlow, attempt: Attempt, spent: Spent) -> Judgement:
    return Judgement(
        verdict=Verdict.FAIL,
        reason=Reason.BACKOFF_LIMIT,
        message=f"{attempt.message} (the flow's backoffLimit of {flow.policy.backoff_limit} "
        "retries is used up)",
        spent=spent,
        ends_flow=True,
    )


def _judge_loss(
    flow: CompiledFlow, step: CompiledStep, spent: Spent, attempt: Attempt
) -> Judgement:
    limit = budget(step.retry, attempt.cause)
    if spent.losses >= limit:
        return Judgement(
            verdict=Verdict.FAIL,
            reason=Reason.DISRUPTION_LIMIT,
            message=f"{attempt.message} (onDisruption.limit of {limit} is used up)",
            spent=spent.plus(attempt.cause),
        )
    return Judgement(
        verdict=Verdict.RETRY,
        reason=attempt.reason or Reason.LOST,
        message=attempt.message,
        delay=backoff_delay(LOSS_BACKOFF, spent.losses, f"{flow.uid}/{step.name}/{attempt.number}"),
        spent=spent.plus(attempt.cause),
    )


def _matching_rule(rules: tuple[PodFailureRule, ...], attempt: Attempt) -> PodFailureRule | None:
    for rule in rules:
        code = attempt.exit_codes.get(rule.on_exit_codes.container_name)
        if code is None:
            continue
        if (code in rule.on_exit_codes.values) == (rule.on_exit_codes.operator == "In"):
            return rule
    return None
