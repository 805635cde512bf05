"""What the operator writes into `status`, which is also its ledger.

These models exist for the CRD's schema and for readers of a status (CLI, archive). The engine
keeps its own records and writes them as plain mappings. All times are RFC 3339 strings in UTC.
"""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from jobflows.api.base import Count, Flag, Model
from jobflows.api.spec import MAX_HANDLERS, MAX_STEPS, StepName

Time = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
Number = Annotated[int, Field(strict=True, ge=0, json_schema_extra={"format": "int64"})]


class FlowPhase(StrEnum):
    """Where a flow stands."""

    PENDING = "Pending"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    SUSPENDED = "Suspended"
    PAUSED = "Paused"

    @property
    def terminal(self) -> bool:
        """Whether nothing runs any more, unless the flow is resumed."""
        return self in (FlowPhase.SUCCEEDED, FlowPhase.FAILED)


class StepPhase(StrEnum):
    """Where a step stands."""

    PENDING = "Pending"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    SKIPPED = "Skipped"
    PENDING_APPROVAL = "PendingApproval"

    @property
    def terminal(self) -> bool:
        """Whether the step runs no more, unless a resume resets it."""
        return self in (StepPhase.SUCCEEDED, StepPhase.FAILED, StepPhase.SKIPPED)


class Cause(StrEnum):
    """Why an attempt failed; each cause has its own way on.

    CONFIGURATION is what another try cannot mend, such as an image that does not exist. REJECTED is
    a Job that the API server will not have, OUTPUT a success without the promised outputs.
    """

    APPLICATION = "Application"
    OUT_OF_MEMORY = "OutOfMemory"
    TIMEOUT = "Timeout"
    DISRUPTION = "Disruption"
    CONFIGURATION = "Configuration"
    REJECTED = "Rejected"
    OUTPUT = "Output"


class Condition(Model):
    """A standard Kubernetes condition."""

    type: Annotated[str, Field(max_length=316)]
    """What the condition is about, such as Succeeded."""

    status: Literal["True", "False", "Unknown"]
    """Whether it holds."""

    observed_generation: Number | None = None
    """metadata.generation the condition was set for."""

    last_transition_time: Time
    """When `status` last changed."""

    reason: Annotated[str, Field(max_length=1024)]
    """One CamelCase word for programs."""

    message: Annotated[str, Field(max_length=32768)]
    """One sentence for people."""


class Progress(Model):
    """How many steps are done."""

    completed_steps: Count = 0
    """Steps that will not run again."""

    total_steps: Count = 0
    """All steps."""

    successful_steps: Count = 0
    """Steps that succeeded."""

    failed_steps: Count = 0
    """Steps that failed."""

    skipped_steps: Count = 0
    """Steps that were skipped."""

    summary: str = ""
    """Completed of total, such as 7/10."""


class JobRef(Model):
    """The Job of the current attempt."""

    name: str
    """Name in the flow's namespace."""

    uid: str = ""
    """UID, empty until the API server has answered."""


class Outcome(Model):
    """How the steps ended, before the exit handlers."""

    phase: FlowPhase
    """Succeeded or Failed."""

    reason: str
    """One CamelCase word that says why."""

    message: str = ""
    """One sentence that says why."""


class GrownResources(Model):
    """What the attempts of a step ask for when that is more than its template says."""

    memory: str | None = None
    """Memory of the main container: its limit, or its request if it has no limit."""

    cpu: str | None = None
    """CPU of the main container: its limit, or its request if it has no limit."""

    timeout_seconds: Count | None = None
    """Seconds an attempt may run."""


class FailedAttempt(Model):
    """An attempt that failed, and why."""

    attempt: Count
    """Its number."""

    cause: Cause
    """Whose budget it was charged to."""

    reason: str | None = None
    """One CamelCase word that says why, such as OOMKilled."""

    exit_code: int | None = None
    """Exit code of the main container, or of the first that failed."""

    resources: GrownResources | None = None
    """What it had, when that was more than the template says."""


class RunningTasks(Model):
    """Tasks of an array that one Job has taken."""

    attempt: Count
    """Number of the attempt, and so of its Job."""

    tasks: str
    """Indexes, as ranges, of those that are not done."""


class RetriedTasks(Model):
    """Tasks that have failed before, have not succeeded since, and share how often."""

    tasks: str
    """Indexes, as ranges."""

    retry_count: Count = 0
    """Attempts after application failures."""

    out_of_memory_count: Count = 0
    """Attempts after one that ran out of memory."""

    timeout_count: Count = 0
    """Attempts after one that took too long."""

    lost_count: Count = 0
    """Attempts after preemption, eviction or node loss."""

    resources: GrownResources | None = None
    """What the next attempt asks for, or the current one, when that has grown."""

    next_retry_time: Time | None = None
    """When the next attempt is due."""


class TaskStatus(Model):
    """Where the tasks of an array stand; indexes are written as ranges such as 0-4,7.

    Of a large array in which no two neighbours fare alike they are `base64:` and a set of bits.
    """

    total: Count
    """Number of tasks."""

    summary: str = ""
    """Done of total, such as 7/10."""

    succeeded: str | None = None
    """Tasks that succeeded."""

    failed: str | None = None
    """Tasks that failed and have no retry left."""

    skipped: str | None = None
    """Tasks that never ran, because the tasks they follow failed."""

    running: Annotated[
        tuple[RunningTasks, ...],
        Field(max_length=MAX_STEPS, json_schema_extra={"x-kubernetes-list-type": "atomic"}),
    ] = ()
    """Batches that run."""

    retried: Annotated[
        tuple[RetriedTasks, ...],
        Field(max_length=MAX_STEPS, json_schema_extra={"x-kubernetes-list-type": "atomic"}),
    ] = ()
    """What tasks have behind them that have not succeeded; of an array that has ended only the resources that they had come to, with which a resume starts them."""  # noqa: E501 - one sentence of kubectl explain


class MapLimits(Model):
    """What the pod may use, as it has found out itself."""

    cpus: float | None = None
    """CPUs, by its cgroup."""

    memory: Number | None = None
    """Bytes, by its cgroup."""


class FailedItem(Model):
    """An item whose function failed."""

    index: Number
    """Its place among all items of the step, from 0."""

    error: str = ""
    """What the function said."""


class MapStatus(Model):
    """How a map step was cut into tasks, and what its tasks measured together."""

    function: str
    """The function."""

    items_per_task: Count | None = None
    """Items of each task; stays when the flow is resumed."""

    reason: str | None = None
    """Why so many."""

    tasks: Count = 0
    """Tasks whose summary is in here."""

    items: Number = 0
    """Their items."""

    done: Number = 0
    """Items whose function returned a value."""

    failed: Number = 0
    """Items whose function failed, where map.errors is return."""

    skipped: Number = 0
    """Items that an attempt before had done."""

    workers: Count = 0
    """Processes or threads, the most in one pod."""

    claim_items: float | None = None
    """Items that a worker took at a time, on average."""

    seconds: float | None = None
    """Seconds that the tasks ran, added up."""

    item_seconds: float | None = None
    """Seconds in the function, on average."""

    cpu_seconds: float | None = None
    """Seconds of CPU, added up."""

    speedup: float | None = None
    """How many items ran at once, on average."""

    predicted_speedup: float | None = None
    """What was predicted of it."""

    efficiency: float | None = None
    """The speedup by workers; 1 is the best."""

    peak_memory: Number | None = None
    """Bytes, the most in one pod."""

    deaths: Count = 0
    """Workers that were killed, and replaced."""

    limits: MapLimits | None = None
    """What a pod may use."""

    failed_items: Annotated[
        tuple[FailedItem, ...],
        Field(max_length=10, json_schema_extra={"x-kubernetes-list-type": "atomic"}),
    ] = ()
    """The first ten items that failed."""


class StepStatus(Model):
    """Where one step stands."""

    name: StepName
    """Name of the step."""

    phase: StepPhase
    """Where the step stands."""

    on_exit: Flag = False
    """Whether it is an exit handler."""

    start_time: Time | None = None
    """When its first attempt was started, or its approval asked for."""

    completion_time: Time | None = None
    """When it reached its last phase."""

    attempt: Count = 0
    """Number of the current attempt, never used again; a resume counts on."""

    retry_count: Count = 0
    """Attempts after application failures."""

    out_of_memory_count: Count = 0
    """Attempts after one that ran out of memory."""

    timeout_count: Count = 0
    """Attempts after one that took too long."""

    lost_count: Count = 0
    """Attempts after preemption, eviction or node loss."""

    resources: GrownResources | None = None
    """What the next attempt asks for, or the current one, when that has grown."""

    failures: Annotated[
        tuple[FailedAttempt, ...],
        Field(max_length=10, json_schema_extra={"x-kubernetes-list-type": "atomic"}),
    ] = ()
    """The last ten attempts that failed, oldest first."""

    next_retry_time: Time | None = None
    """When the next attempt is due."""

    job_ref: JobRef | None = None
    """The Job of the current attempt."""

    reason: str | None = None
    """One CamelCase word that says why."""

    message: str | None = None
    """One sentence that says why."""

    outputs: dict[str, str] = Field(default_factory=dict)
    """Values of outputs.parameters."""

    alike: str | None = None
    """In a flow of more than 500 steps: names of other steps of which the same is true, each with its own times, as `name@start+duration` in seconds from the flow's start, and its outputs; `~` stands for the name before up to its last dash."""  # noqa: E501 - one sentence of kubectl explain

    tasks: TaskStatus | None = None
    """Where the tasks of an array stand."""

    former_attempts: Count = 0
    """Attempts of an array up to this number were ended by a cold resume; what still runs of them is stopped."""  # noqa: E501 - one sentence of kubectl explain

    map: MapStatus | None = None
    """How a map step was cut, and what it measured."""

    outdated: Flag = False
    """Whether the step was edited after it had finished; a resume may name it in `from`."""


class ResumeRefusal(Model):
    """A request to resume that was not taken in."""

    request: str
    """Digest of the annotation's value, which is not looked at again."""

    message: str = ""
    """Why, and what to do."""


class ResumeStatus(Model):
    """What became of the annotation workflow.kube-zen.io/resume."""

    id: str | None = None
    """id of the last request that was taken in."""

    time: Time | None = None
    """When it was taken in."""

    run: Count | None = None
    """Number of the run that it began; the first one, without a request, is 1."""

    refusal: ResumeRefusal | None = None
    """The last request that was refused."""


class Status(Model):
    """Where the flow stands."""

    observed_generation: Number = 0
    """metadata.generation this status was written for."""

    phase: FlowPhase = FlowPhase.PENDING
    """Where the flow stands."""

    reason: str | None = None
    """One CamelCase word that says why."""

    message: str | None = None
    """One sentence that says why."""

    outcome: Outcome | None = None
    """How the steps ended, once exit handlers run."""

    conditions: Annotated[
        tuple[Condition, ...],
        Field(
            max_length=32,
            json_schema_extra={
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["type"],
            },
        ),
    ] = ()
    """Succeeded is the summary."""

    start_time: Time | None = None
    """When the flow was taken up, or its last run after a resume."""

    completion_time: Time | None = None
    """When the flow reached its last phase."""

    estimated_completion_time: Time | None = None
    """When the critical path of what is left should be done."""

    progress: Progress = Progress()
    """How many steps are done."""

    resume: ResumeStatus | None = None
    """What became of requests to resume the flow."""

    steps: Annotated[
        tuple[StepStatus, ...],
        Field(
            max_length=MAX_STEPS + MAX_HANDLERS,
            json_schema_extra={"x-kubernetes-list-type": "atomic"},
        ),
    ] = ()
    """Where each step stands. In a flow of more than 500 steps, those that are Pending with nothing to say are left out, and those of which the same is true share an item (`alike`)."""  # noqa: E501 - one sentence of kubectl explain

    shard: Annotated[Number, Field(le=63)] | None = None
    """Which replica of the operator works on the flow: the one that has this of 64 buckets. The same for good."""  # noqa: E501 - one sentence of kubectl explain
