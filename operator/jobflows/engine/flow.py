"""A flow made ready for planning: the graph, and each step's policies already resolved.

Built once per generation from the validated model and cached; everything here is immutable.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from jobflows.api import cascade, jsonpath
from jobflows.api.array import TaskValues
from jobflows.api.base import Opaque
from jobflows.api.expressions import Expression
from jobflows.api.map import with_command
from jobflows.api.model import JobFlow
from jobflows.api.parameters import OutputParameter
from jobflows.api.policy import ExecutionPolicy, PodFailureRule, RetryPolicy
from jobflows.api.spec import ResourceTemplates, Spec, Step, StepTemplate
from jobflows.dag import Graph

NO_RETRIES = RetryPolicy(limit=0)


@dataclass(frozen=True, slots=True)
class CompiledStep:
    """One step with its defaults applied, from its template and from the flow.

    `template` is the Job's, its own or the one it shares (then it is the same object in each of
    these steps). `timeout` is in seconds. `job_ttl` is the Job's own `ttlSecondsAfterFinished`: the
    operator keeps that promise itself, because Kubernetes would delete a Job before its outcome is
    on record.
    """

    index: int
    spec: Step
    when: Expression | None
    template: Opaque
    retry: RetryPolicy
    timeout: int | None
    outputs: tuple[OutputParameter, ...]
    locks: Mapping[str, int]
    job_ttl: float | None
    on_exit: bool = False
    """Whether it is an exit handler."""
    values: TaskValues | None = None
    """The tasks' values, unless they are found out by an earlier step."""
    index_parents: frozenset[int] = frozenset()
    """Arrays of which task i is waited for by task i."""
    early_parents: frozenset[int] = frozenset()
    """Those of them that need not be done for this step to begin: all, unless it reads what became
    of an array, which nobody knows before."""

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def is_manual(self) -> bool:
        return self.spec.type == "Manual"

    @property
    def is_array(self) -> bool:
        """Whether it has tasks: an array, or a map whose items the flow knows."""
        return self.spec.array is not None or (self.spec.map is not None and self.spec.map.is_cut)

    @property
    def task_limit(self) -> int | None:
        """Most tasks of an array that run at once; None without a limit."""
        tasks = self.spec.array or self.spec.map
        return tasks.parallelism if tasks is not None else None


@dataclass(frozen=True, slots=True, weakref_slot=True)
class CompiledFlow:
    """All that planning needs to know of a flow besides its ledger."""

    name: str
    namespace: str
    uid: str
    generation: int
    created: float
    suspend: bool
    group: str
    """Concurrency group; empty when the flow is alone."""
    policy: ExecutionPolicy
    failure_rules: tuple[PodFailureRule, ...]
    parameters: Mapping[str, str]
    resources: ResourceTemplates
    templates: Mapping[str, StepTemplate]
    graph: Graph
    steps: tuple[CompiledStep, ...]
    """The ordinary ones first, then the exit handlers; so is the graph."""
    handlers: range
    """Indices of the exit handlers."""
    steps_with_ttl: tuple[int, ...]
    manual: frozenset[int]
    """Steps that wait for people."""
    maps: frozenset[int]
    """Steps that map a function over items."""
    lock_names: frozenset[str]
    lanes: tuple[int, ...]
    """By step, a number that it shares with the steps that limits treat alike: those of the same
    limited template and the same locks, exit handlers by themselves."""

    @property
    def has_resources(self) -> bool:
        """Whether something has to be created before the first step."""
        return bool(self.resources.volume_claim_templates or self.resources.config_map_templates)

    @property
    def is_limited(self) -> bool:
        """Whether the flow itself says how much may run at once."""
        return (
            self.policy.parallelism is not None
            or bool(self.lock_names)
            or any(t.parallelism is not None for t in self.templates.values())
            or any(step.task_limit is not None for step in self.steps)
        )

    @classmethod
    def compile(cls, flow: JobFlow, *, created: float = 0.0) -> CompiledFlow:
        """Compile a flow that the validator has passed."""
        spec = flow.spec
        templates = cascade.by_name(spec.templates)
        levels = _retry_policies(spec, templates)
        graph = Graph.build((step.name, step.dependencies) for step in spec.all_steps)
        steps = tuple(
            _compile_step(spec, templates, levels, i, step) for i, step in enumerate(spec.all_steps)
        )
        arrays = {step.index for step in steps if step.spec.array is not None}
        policy = spec.execution_policy
        rules = policy.pod_failure_policy
        return cls(
            **_identity(flow, created),
            suspend=spec.suspend,
            policy=policy,
            failure_rules=rules.rules if rules else (),
            parameters={parameter.name: parameter.value for parameter in spec.parameters},
            resources=spec.resource_templates,
            templates=templates,
            graph=graph,
            steps=tuple(_follow(step, arrays, graph) for step in steps) if arrays else steps,
            handlers=range(len(spec.steps), len(steps)),
            steps_with_ttl=tuple(step.index for step in steps if step.job_ttl is not None),
            manual=frozenset(step.index for step in steps if step.is_manual),
            maps=frozenset(step.index for step in steps if step.spec.map is not None),
            lock_names=frozenset(name for step in steps for name in step.locks),
            lanes=_lanes(steps, templates),
        )

    def renamed(self, flow: JobFlow, *, created: float = 0.0) -> CompiledFlow:
        """Another flow with the very same spec, that the validator has passed, too.

        They share all that follows from the spec.
        """
        return replace(self, **_identity(flow, created))


def _identity(flow: JobFlow, created: float) -> dict[str, Any]:
    """What two flows with the same spec differ in."""
    meta = flow.metadata
    return {
        "name": meta.name,
        "namespace": meta.namespace,
        "uid": meta.uid,
        "generation": meta.generation,
        "created": created,
        "group": flow.spec.execution_policy.concurrency_group or meta.generate_name,
    }


def _retry_policies(
    spec: Spec, templates: Mapping[str, StepTemplate]
) -> dict[str | None, RetryPolicy | None]:
    """What steps start from, by the template they use; None is for steps without one."""
    general = spec.execution_policy.retry_policy
    return {
        None: general,
        **{n: cascade.retry_policy(general, t.retry_policy) for n, t in templates.items()},
    }


def _compile_step(
    spec: Spec,
    templates: Mapping[str, StepTemplate],
    policies: Mapping[str | None, RetryPolicy | None],
    index: int,
    step: Step,
) -> CompiledStep:
    array = step.array
    shared = templates[step.template_ref] if step.template_ref is not None else None
    job = (shared.template if shared else step.template) or {}
    if step.map is not None:
        job = with_command(job, step.map)
    ttl = (job.get("spec") or {}).get("ttlSecondsAfterFinished")
    retry = cascade.retry_policy(policies[step.template_ref], step.retry_policy)
    return CompiledStep(
        index=index,
        spec=step,
        when=Expression.parse(step.when) if step.when is not None else None,
        template=job,
        retry=retry or NO_RETRIES,
        timeout=cascade.timeout_seconds(spec, shared, step),
        outputs=cascade.outputs(shared, step),
        locks={lock.name: lock.limit for lock in step.locks},
        job_ttl=float(ttl) if ttl is not None else None,
        on_exit=index >= len(spec.steps),
        values=TaskValues.of(array) if array is not None and array.items_from is None else None,
    )


def _lanes(steps: Sequence[CompiledStep], templates: Mapping[str, StepTemplate]) -> tuple[int, ...]:
    limited = {name for name, t in templates.items() if t.parallelism is not None}
    numbers: dict[object, int] = {}
    lanes = []
    for step in steps:
        template = step.spec.template_ref if step.spec.template_ref in limited else None
        kind = (template, tuple(step.locks.items()), step.on_exit)
        lanes.append(numbers.setdefault(kind, len(numbers)))
    return tuple(lanes)


def _follow(step: CompiledStep, arrays: set[int], graph: Graph) -> CompiledStep:
    """Let the tasks of an array follow those of the arrays before it, if it asks for that."""
    array = step.spec.array
    if array is None or array.dependency_mode != "Index":
        return step
    above = frozenset(arrays.intersection(graph.parents[step.index]))
    reads_array = any(graph.index[name] in arrays for name in _read_steps(step))
    early = frozenset[int]() if reads_array else above
    return replace(step, index_parents=above, early_parents=early)


def _read_steps(step: CompiledStep) -> Iterator[str]:
    """The steps that a step looks at when it begins: by its condition, its inputs or its items."""
    if step.when is not None:
        yield from step.when.references.steps
    sources = [parameter.value_from for parameter in step.spec.inputs.parameters]
    paths = [source.json_path for source in sources if source is not None]
    array = step.spec.array
    if array is not None and array.items_from is not None:
        paths.append(array.items_from.json_path)
    yield from (jsonpath.split_step_path(path)[0] for path in paths if path is not None)
