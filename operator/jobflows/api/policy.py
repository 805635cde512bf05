"""The policies of a flow and of its steps: what happens on failure, and what flows may overlap.

Names, types and defaults are zen-flow's, so its manifests keep their meaning; `concurrencyGroup`,
`failFast`, `parallelism`, `priority`, budgets by cause, growing resources, fallbacks, `maxDuration`
and `jitter` are ours.
"""

from typing import Annotated, Literal

from pydantic import Field

from jobflows.api.base import Count, Duration, Factor, Flag, Int32, Model, Seconds
from jobflows.api.growth import Fallback, ResourceGrowth

ConcurrencyPolicy = Literal["Allow", "Forbid", "Replace"]
PodFailureAction = Literal["FailJob", "Ignore", "Count"]
ExitCodeOperator = Literal["In", "NotIn"]
FailFastMode = Literal["Drain", "Terminate"]
BackoffType = Literal["Exponential", "Linear", "Fixed"]

ExitCode = Annotated[int, Field(strict=True, ge=0, le=255, json_schema_extra={"format": "int32"})]


class OnExitCodes(Model):
    """Which exit codes of which container a rule is about."""

    container_name: Annotated[str, Field(max_length=63)] = "main"
    """Container whose exit code is compared."""

    operator: ExitCodeOperator
    """In: the exit code is one of `values`. NotIn: it is none of them."""

    values: Annotated[
        tuple[ExitCode, ...],
        Field(min_length=1, max_length=255, json_schema_extra={"x-kubernetes-list-type": "set"}),
    ]
    """Exit codes, 0 to 255."""


class PodFailureRule(Model):
    """One rule: the first that matches a failed pod decides."""

    action: PodFailureAction
    """FailJob: the step fails at once, without a retry. Ignore: the step does not fail. Count: the step does not fail, but one of the flow's retries is spent."""  # noqa: E501 - one sentence of kubectl explain

    on_exit_codes: OnExitCodes
    """Exit codes this rule is about."""


class PodFailurePolicy(Model):
    """Rules on exit codes, for all steps of the flow."""

    rules: Annotated[
        tuple[PodFailureRule, ...],
        Field(min_length=1, max_length=20, json_schema_extra={"x-kubernetes-list-type": "atomic"}),
    ]
    """Rules in order; the first that matches decides."""


class ExecutionPolicy(Model):
    """How the flow as a whole runs, ends and is cleaned up."""

    concurrency_policy: ConcurrencyPolicy = "Forbid"
    """What happens while an older flow of the same group runs. Allow: both run. Forbid: this one waits in Pending. Replace: the older one is stopped."""  # noqa: E501 - one sentence of kubectl explain

    concurrency_group: Annotated[str, Field(min_length=1, max_length=253)] | None = None
    """Flows with the same group in a namespace are subject to concurrencyPolicy. Absent: metadata.generateName; a flow with a plain name is alone in its group."""  # noqa: E501 - one sentence of kubectl explain

    parallelism: Count | None = None
    """Tasks of this flow that run at once. 0 pauses: what runs goes on, nothing new starts. May be changed at any time; lowering it stops nothing. Absent: no limit."""  # noqa: E501 - one sentence of kubectl explain

    priority: Int32 | None = None
    """Flows of a higher priority are served first when a limit of the operator or a lock makes flows wait. Absent: 0."""  # noqa: E501 - one sentence of kubectl explain

    ttl_seconds_after_finished: Count = 86_400
    """Seconds after its completion when the flow and all it owns are deleted; 0 is at once."""

    backoff_limit: Count = 6
    """Retries of all steps together before the flow fails."""

    active_deadline_seconds: Seconds | None = None
    """Seconds after its start when an unfinished flow fails and its Jobs are stopped."""

    fail_fast: Flag = False
    """Whether the first failure that the flow does not tolerate keeps all steps that have not started from starting, and failed ones from being tried again."""  # noqa: E501 - one sentence of kubectl explain

    fail_fast_mode: FailFastMode = "Drain"
    """What failFast does with steps that run. Drain: they finish. Terminate: they are stopped."""

    pod_failure_policy: PodFailurePolicy | None = None
    """Rules on the exit codes of failed containers."""

    retry_policy: "RetryPolicy | None" = None
    """Default of all steps' retryPolicy; a field that the template or the step sets replaces the one given here. Not to be mixed up with backoffLimit, which limits the retries of all steps together."""  # noqa: E501 - one sentence of kubectl explain

    timeout_seconds: Seconds | None = None
    """Default of all Job steps' timeoutSeconds, which limits one attempt. Not to be mixed up with activeDeadlineSeconds, which limits the flow."""  # noqa: E501 - one sentence of kubectl explain


class Backoff(Model):
    """How long to wait before a retry."""

    type: BackoffType = "Exponential"
    """Exponential: duration * factor^n. Linear: duration * (n+1). Fixed: duration. n counts from 0."""  # noqa: E501 - one sentence of kubectl explain

    factor: Annotated[Factor, Field(ge=1)] = 2.0
    """Growth of the wait, for Exponential."""

    duration: Duration = 1.0
    """First wait, as a duration such as 10s."""

    max_duration: Duration = 3600.0
    """Longest wait."""

    jitter: Annotated[Factor, Field(ge=0, le=1)] = 0.1
    """Random part added to each wait, as a fraction of it, so that retries do not come in herds."""

    @property
    def cap(self) -> float:
        """The longest wait in seconds; a `duration` above the default of maxDuration lifts it."""
        return max(self.max_duration, self.duration)


class OnDisruption(Model):
    """Retries of attempts that were lost through no fault of the program."""

    limit: Count = 10
    """Restarts after preemption, eviction and node loss; none of them counts as a retry."""


class OwnLimit(Model):
    """A budget of its own for one cause."""

    limit: Count | None = None
    """Retries for this cause alone. Absent: as many as retryPolicy.limit, counted apart."""


class RetryPolicy(Model):
    """Retries of a failed step. Without a policy only disruptions are tried again."""

    limit: Count = 3
    """Retries after failures of the program; 0 is none. Errors of configuration, such as an image that cannot be pulled, are never tried again."""  # noqa: E501 - one sentence of kubectl explain

    backoff: Backoff = Backoff()
    """Wait between attempts."""

    on_out_of_memory: OwnLimit = OwnLimit()
    """Budget of its own for attempts that ran out of memory."""

    on_timeout: OwnLimit = OwnLimit()
    """Budget of its own for attempts that took too long."""

    on_disruption: OnDisruption = OnDisruption()
    """Budget of its own for preemption, eviction and node loss."""

    resources: ResourceGrowth | None = None
    """What grows when an attempt had too little of it."""

    fallbacks: Annotated[
        tuple[Fallback, ...],
        Field(max_length=8, json_schema_extra={"x-kubernetes-list-type": "atomic"}),
    ] = ()
    """Other places to run, in order, for what has outgrown `resources`; the first with room is taken. Where none has, the last one is, with its max."""  # noqa: E501 - one sentence of kubectl explain
