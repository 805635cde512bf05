"""Random flows: a graph, what its pods do, and policies that bear on each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from random import Random

from cluster_suite.flows import flow, job
from simulation.features import Features
from simulation.script import BAD, BAD_CODE, EVICT, FAIL, HANG, IMAGE, OK, Script
from simulation.steps import START_MEMORY, Budget, Object, Planned, When

PATIENCE = 200
"""A timeout in seconds, longer than news can be late: an operator that hears of nothing cannot tell
a step that is done from one that hangs."""

NAMES = ("etl", "etl", "train", "nightly", "f")


@dataclass(frozen=True, slots=True)
class PlannedFlow:
    """A flow of a world, made at `at` seconds; `rules` are those of its pods' exit codes."""

    name: str
    at: float
    steps: tuple[Planned, ...]
    handlers: tuple[Planned, ...] = ()
    spec: Object = field(default_factory=dict)

    @property
    def all_steps(self) -> tuple[Planned, ...]:
        return (*self.steps, *self.handlers)

    @property
    def policy(self) -> Object:
        policy: Object = self.spec["executionPolicy"]
        return policy

    def manifest(self) -> Object:
        handlers = [step.manifest() for step in self.handlers]
        steps = [step.manifest() for step in self.steps]
        return flow(self.name, *steps, **self.spec, **({"onExit": handlers} if handlers else {}))


def a_flow(name: str, features: Features, rng: Random, *, size: int, hurry: float) -> PlannedFlow:
    """A random flow of about `size` steps, made within the first `hurry` seconds."""
    maker = Maker(features, rng)
    count = rng.randint(1, size)
    steps: list[Planned] = []
    for number in range(count):
        steps.append(maker.step(f"s{number}", steps))
    handlers: list[Planned] = []
    if "handlers" in features and rng.random() < 0.6:
        for number in range(rng.randint(1, 2)):
            handlers.append(maker.step(f"x{number}", handlers, handler=True))
    spec = _spec(features, rng, steps)
    return PlannedFlow(name, rng.uniform(0.0, hurry), tuple(steps), tuple(handlers), spec)


class Maker:
    """Makes one step after the other; also those that people add later."""

    def __init__(self, features: Features, rng: Random) -> None:
        self.features = features
        self.rng = rng
        self.locks: dict[str, int] = {}
        """The limit that this flow states of each lock."""

    def step(self, name: str, before: Sequence[Planned], *, handler: bool = False) -> Planned:
        rng, features = self.rng, self.features
        parents = self._parents(before)
        if "approvals" in features and rng.random() < 0.25 and not handler:
            step = Planned(name=name, kind="manual", parents=parents, answer=rng.random() < 0.8)
            return replace(step, tolerated="tolerated" in features and rng.random() < 0.3)
        step = Planned(
            name=name,
            parents=parents,
            script=self._script(),
            tolerated="tolerated" in features and rng.random() < 0.3,
        )
        step = self._with_retries(step)
        step = self._with_timeout(step)
        if "conditions" in features and rng.random() < 0.45:
            step = replace(step, when=self._when(parents))
        if not handler:
            step = self._with_tasks(step, before)
            step = self._with_value(step, before)
            step = self._with_room(step)
        if "ttl" in features and rng.random() < 0.4:
            step = replace(step, job_fields={"ttlSecondsAfterFinished": rng.choice((0, 3, 20))})
        return step

    def _parents(self, before: Sequence[Planned]) -> tuple[str, ...]:
        rng = self.rng
        wide = "wide" in self.features
        wanted = rng.choice((0, 0, 0, 1)) if wide else rng.choice((0, 1, 1, 1, 2, 3))
        names = [step.name for step in before]
        return tuple(rng.sample(names, min(len(names), wanted)))

    def _script(self) -> Script:
        rng, features = self.rng, self.features
        kinds = [OK]
        kinds += [FAIL, FAIL] * ("failures" in features)
        kinds += [BAD] * ("rules" in features)
        kinds += [HANG] * ("hangs" in features)
        kinds += [EVICT, EVICT] * ("evicted" in features)
        kinds += [IMAGE] * ("images" in features and rng.random() < 0.3)
        bad = len(kinds) > 1 and rng.random() < 0.55
        endings = tuple(rng.choice(kinds) for _ in range(rng.choice((1, 1, 2, 3)))) if bad else ()
        seconds = rng.choice((0.0, 0.1, 0.5, 1.5, 6.0))
        pending = rng.choice((0.0, 0.0, 0.0, 0.5, 4.0)) if "latency" in features else 0.0
        needs = 0
        if "memory" in features and rng.random() < 0.4:
            needs = START_MEMORY * rng.choice((1, 2, 4, 4, 8))
        return Script(endings, seconds, pending, needs)

    def _with_retries(self, step: Planned) -> Planned:
        rng = self.rng
        grows = step.script.needs > 0
        if not grows and ("retries" not in self.features or rng.random() < 0.3):
            return step
        limit = rng.choice((0, 1, 1, 2, 3))
        backoff = rng.choice(
            (
                {"type": "Fixed", "duration": "100ms", "jitter": 0},
                {"type": "Fixed", "duration": "3s"},
                {"type": "Exponential", "duration": "500ms", "maxDuration": "10s"},
                {"type": "Linear", "duration": "1s", "jitter": 0.5},
            )
        )
        policy: Object = {"limit": limit, "backoff": backoff}
        memory = timeout = None
        if rng.random() < 0.3:
            memory = rng.choice((0, 1, 3))
            policy["onOutOfMemory"] = {"limit": memory}
        if rng.random() < 0.3:
            timeout = rng.choice((0, 1, 2))
            policy["onTimeout"] = {"limit": timeout}
        losses = 10
        if "evicted" in self.features and rng.random() < 0.3:
            losses = rng.choice((0, 1, 2))
            policy["onDisruption"] = {"limit": losses}
        if grows:
            policy["resources"] = {"memory": {"factor": 2}}
        return replace(step, policy=policy, budget=Budget(limit, memory, timeout, losses))

    def _with_timeout(self, step: Planned) -> Planned:
        rng = self.rng
        if "deadlines" in self.features and rng.random() < 0.5:
            return replace(step, timeout=rng.choice((3, 8, 30)))
        if HANG in step.script.endings:
            return replace(step, timeout=PATIENCE)
        return step

    def _when(self, parents: tuple[str, ...]) -> When:
        rng = self.rng
        if not parents or rng.random() < 0.3:
            return When(plain=rng.choice(("always", "never")))
        phase = rng.choice(("Succeeded", "Failed", "Skipped"))
        return When(rng.choice(parents), phase, rng.random() < 0.5)

    def _with_tasks(self, step: Planned, before: Sequence[Planned]) -> Planned:
        rng, features = self.rng, self.features
        arrays = "arrays" in features and rng.random() < 0.4
        maps = "maps" in features and rng.random() < 0.3
        if not arrays and not maps:
            return step
        if maps and not arrays:
            items, block = rng.randint(1, 6), rng.randint(1, 3)
            how: Object = {"function": "shop.prices:fetch", "items": list(range(items))}
            how["itemsPerTask"] = block
            tasks = -(-items // block)
            return replace(step, kind="map", tasks=tasks, fields={**step.fields, "map": how})
        tasks = rng.choice((0, 1, 2, 2, 3, 5)) if rng.random() < 0.9 else 12
        sizes = {one.name: one.tasks for one in before if one.kind == "array"}
        above = [sizes[name] for name in step.parents if name in sizes]
        by_index = bool(above) and rng.random() < 0.6
        if by_index:  # tasks follow tasks of arrays of their own size only
            tasks = above[0]
            by_index = all(size == tasks for size in above)
        array: Object = {"count": tasks}
        if by_index:
            array["dependencyMode"] = "Index"
        if "parallelism" in features and rng.random() < 0.4:
            array["parallelism"] = rng.choice((1, 2, 3))
        single = {t: step.script.endings for t in range(tasks) if rng.random() < 0.4}
        script = replace(step.script, endings=(), tasks=single)
        fields = {**step.fields, "array": array}
        return replace(
            step, kind="array", tasks=tasks, by_index=by_index, script=script, fields=fields
        )

    def _with_value(self, step: Planned, before: Sequence[Planned]) -> Planned:
        """The step may say something, and may take in what a step before it said."""
        rng = self.rng
        if "values" not in self.features or step.kind != "job":
            return step
        fields = dict(step.fields)
        says = rng.random() < 0.8
        if says:
            source = {"valueFrom": {"jsonPath": "$.by"}}
            fields["outputs"] = {"parameters": [{"name": "by", **source}]}
        speakers = [
            one.name
            for one in before
            if one.name in step.parents and one.script.says and not one.tolerated and not one.when
        ]
        takes = rng.choice(speakers) if speakers and rng.random() < 0.9 else ""
        if takes:
            path = {"valueFrom": {"jsonPath": f"{takes}:$.outputs.by"}}
            fields["inputs"] = {"parameters": [{"name": "by", **path}]}
        script = replace(step.script, says=says)
        return replace(step, fields=fields, takes=takes, script=script)

    def _with_room(self, step: Planned) -> Planned:
        rng, features, fields = self.rng, self.features, dict(step.fields)
        if "locks" in features and rng.random() < 0.5:
            names = rng.sample(("db", "gpu", "api"), rng.choice((1, 1, 2)))
            limits = {n: self.locks.setdefault(n, rng.choice((1, 1, 2, 3))) for n in names}
            fields["locks"] = [{"name": name, "limit": limits[name]} for name in names]
        plain = step.kind == "job" and not step.takes and not step.script.needs
        template = ""
        if "parallelism" in features and plain and rng.random() < 0.4:
            template = rng.choice(("one", "two"))
        return replace(step, fields=fields, template=template)


def _spec(features: Features, rng: Random, steps: Sequence[Planned]) -> Object:
    policy: Object = {"backoffLimit": 100}
    spec: Object = {"executionPolicy": policy}
    if "budgets" in features and rng.random() < 0.6:
        policy["backoffLimit"] = rng.choice((0, 1, 2, 3))
    if "failfast" in features and rng.random() < 0.7:
        policy |= {"failFast": True, "failFastMode": rng.choice(("Drain", "Terminate"))}
    if "deadlines" in features and rng.random() < 0.4:
        policy["activeDeadlineSeconds"] = rng.choice((5, 20, 60))
    if "ttl" in features and rng.random() < 0.6:
        policy["ttlSecondsAfterFinished"] = rng.choice((0, 5, 60))
    if "groups" in features and rng.random() < 0.8:
        policy["concurrencyGroup"] = "nightly" if rng.random() < 0.9 else "hourly"
        policy["concurrencyPolicy"] = rng.choice(("Forbid", "Replace", "Replace", "Allow"))
    if "parallelism" in features and rng.random() < 0.6:
        policy["parallelism"] = rng.choice((1, 1, 2, 3))
    if "priorities" in features:
        policy["priority"] = rng.choice((0, 0, 5, -3))
    if "rules" in features and rng.random() < 0.8:
        policy["podFailurePolicy"] = {"rules": [_rule(rng)]}
    if any(step.template for step in steps):
        limit = {"parallelism": rng.choice((1, 1, 2))}
        spec["templates"] = [{"name": n, "template": job(), **limit} for n in ("one", "two")]
    if "objects" in features and rng.random() < 0.7:
        spec["resourceTemplates"] = _objects(rng)
    if "suspend" in features and rng.random() < 0.2:
        spec["suspend"] = True
    return spec


def _rule(rng: Random) -> Object:
    code = {"containerName": "main", "operator": "In", "values": [BAD_CODE]}
    return {"action": rng.choice(("FailJob", "Ignore", "Count")), "onExitCodes": code}


def _objects(rng: Random) -> Object:
    settings = {"metadata": {"name": "settings"}, "data": {"k": "v"}}
    storage = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    claim = {"metadata": {"name": "work"}, "spec": storage}
    both = {"configMapTemplates": [settings], "volumeClaimTemplates": [claim]}
    return both if rng.random() < 0.5 else {"configMapTemplates": [settings]}
