"""Somebody who cannot leave a flow alone, and what is done in the end so that it can end."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from jobflows.cluster.transport import TransportError
from jobflows.engine.stopping import STOP_ANNOTATION
from simulation.flows import Maker, PlannedFlow, a_flow
from simulation.script import Scripts
from simulation.steps import NOBODY, Object, Planned, is_wrong
from simulation.world import World
from unit.controller.stage import FLOWS, Stage

APPROVED = "approved.workflow.kube-zen.io/"


class Person:
    """Makes one flow, and does this and that to it while the trouble lasts."""

    def __init__(self, stage: Stage, flow: PlannedFlow, world: World, scripts: Scripts) -> None:
        self.stage = stage
        self.flow = flow
        self.name = flow.name
        self.features = world.features
        self.rng = rng = world.rng(f"person/{flow.name}")
        self.seconds = world.seconds
        self.steps: list[Planned] = list(flow.steps)
        self.acts = 0
        self._scripts = scripts
        self._maker = Maker(self.features - {"arrays", "maps", "approvals"}, rng)
        self._read_locks()
        self._made = 0
        self._asked = 0
        self._kinds = [kind for kind in _ACTS if kind in self.features]

    async def live(self) -> None:
        """Make the flow, answer its questions, and meddle with it."""
        await asyncio.sleep(self.flow.at)
        await self._make()
        answers = [asyncio.create_task(self._answer(step)) for step in self.flow.steps]
        if self._kinds:
            end = self.stage.server.clock.now() + self.seconds
            for _ in range(self.rng.choice((1, 2, 4, 8))):
                pause = self.rng.choice((0.01, 0.3, 2.0, 8.0)) * self.rng.random()
                if self.stage.server.clock.now() + pause > end:
                    break
                await asyncio.sleep(pause)
                await self._act(self.rng.choice(self._kinds))
        await asyncio.gather(*answers)

    async def make_up(self) -> None:
        """Take back what keeps the flow from ending, and answer all that is asked."""
        spec: Object = {}
        found = self.stage.flow(self.name)
        if found is None:
            return
        if found["spec"].get("suspend"):
            spec["suspend"] = False
        if found["spec"].get("executionPolicy", {}).get("parallelism") == 0:
            spec["executionPolicy"] = {"parallelism": None}
        if is_wrong(found["spec"]):
            spec["steps"] = [step.manifest() for step in self.steps]
        if spec:
            await self._say({"spec": spec})
        asked = [one["name"] for one in found["spec"]["steps"] if one.get("type") == "Manual"]
        said = found["metadata"].get("annotations") or {}
        answers = {f"{APPROVED}{name}": "true" for name in asked if f"{APPROVED}{name}" not in said}
        if answers:
            await self._say({"metadata": {"annotations": answers}})

    async def _make(self) -> None:
        for step in self.flow.all_steps:
            self._scripts.by_step[self.name, step.name] = step.script
        made = self.flow.manifest()
        if "mistakes" in self.features and self.rng.random() < 0.3:
            made["spec"]["steps"] = self._wrong()
        await self._insist("POST", FLOWS, made)

    async def _answer(self, step: Planned) -> None:
        if step.kind == "manual":
            await asyncio.sleep(self.rng.uniform(0.0, self.seconds))
            answer = {f"{APPROVED}{step.name}": str(step.answer).lower()}
            if self.stage.flow(self.name) is not None:
                body = {"metadata": {"annotations": answer}}
                await self._insist("PATCH", f"{FLOWS}/{self.name}", body)

    async def _act(self, kind: str) -> None:
        found = self.stage.flow(self.name)
        if found is None:
            if kind == "delete" and self.rng.random() < 0.7:
                await self._again()
            return
        self.acts += 1
        await getattr(self, f"_{kind}")(found)

    # what people do ----------------------------------------------------------------------------

    async def _suspend(self, found: Object) -> None:
        await self._say({"spec": {"suspend": not found["spec"].get("suspend", False)}})

    async def _tune(self, found: Object) -> None:
        rng = self.rng
        policy = {
            "parallelism": rng.choice((None, 0, 1, 2, 5)),
            "priority": rng.choice((None, 0, 7)),
        }
        chosen = rng.choice(list(policy))
        await self._say({"spec": {"executionPolicy": {chosen: policy[chosen]}}})

    async def _edit(self, found: Object) -> None:
        rng, steps = self.rng, list(self.steps)
        match rng.choice(("add", "add", "remove", "change", "wait")):
            case "add":
                self._made += 1
                added = self._maker.step(f"n{self._made}", steps)
                if added.template:
                    added = replace(added, template="")
                self._scripts.by_step[self.name, added.name] = added.script
                steps.append(added)
                rng.shuffle(steps)
            case "remove":
                needed = {name for step in steps for name in (*step.parents, step.takes)}
                spare = [step for step in steps if step.name not in needed]
                if len(steps) > 1 and spare:
                    steps.remove(rng.choice(spare))
            case "change":
                at = rng.randrange(len(steps))
                if steps[at].kind == "job":
                    steps[at] = replace(steps[at], timeout=rng.choice((30, 250)))
            case _:  # a step gets another dependency, which may be too late
                at = rng.randrange(len(steps))
                free = [s.name for s in steps[:at] if not s.parents and s is not steps[at]]
                if free and steps[at].parents and not steps[at].by_index:
                    more = dict.fromkeys((*steps[at].parents, rng.choice(free)))
                    steps[at] = replace(steps[at], parents=tuple(more))
        if await self._say({"spec": {"steps": [step.manifest() for step in steps]}}):
            self.steps = steps

    async def _mistakes(self, found: Object) -> None:
        await self._say({"spec": {"steps": self._wrong()}})

    def _wrong(self) -> list[Object]:
        """The steps, of which one waits for what is none."""
        steps = [step.manifest() for step in self.steps]
        self.rng.choice(steps)["dependencies"] = [NOBODY]
        return steps

    async def _resume(self, found: Object) -> None:
        rng = self.rng
        self._asked += 1
        names = [step.name for step in self.steps]
        request: Object = {"id": str(self._asked), "mode": rng.choice(("hot", "cold"))}
        if rng.random() < 0.4:
            request["from"] = [rng.choice(names)]
        elif rng.random() < 0.3:
            request["set"] = {rng.choice(names): rng.choice(("Succeeded", "Pending"))}
        try:
            await self.stage.resume(self.name, **request)
        except (AssertionError, TransportError):
            return  # the id is used up, whether or not anybody heard of it

    async def _stop(self, found: Object) -> None:
        said = (found["metadata"].get("annotations") or {}).get(STOP_ANNOTATION)
        value = self.rng.choice(("stop", "stop", "terminate"))
        taken_back = said is not None and self.rng.random() < 0.5
        answer = {STOP_ANNOTATION: None if taken_back else value}
        await self._say({"metadata": {"annotations": answer}})

    async def _delete(self, found: Object) -> None:
        if self.rng.random() < 0.5:
            how = self.rng.choice(("Background", "Background", "Foreground"))
            try:
                await self.stage.call("DELETE", f"{FLOWS}/{self.name}", {"propagationPolicy": how})
            except (AssertionError, TransportError):
                return

    async def _again(self) -> None:
        """Another flow under the name of the one that is gone; its steps have other names."""
        self._made += 1
        new = a_flow(self.name, self.features - {"wide"}, self.rng, size=3, hurry=0.0)
        prefix = f"r{self._made}"
        self.flow = _renamed(new, prefix)
        self.steps = list(self.flow.steps)
        self._read_locks()
        for step in self.flow.all_steps:
            self._scripts.by_step[self.name, step.name] = step.script
        try:
            await self.stage.apply(self.flow.manifest())
        except (AssertionError, TransportError):
            return

    def _read_locks(self) -> None:
        """What is added later states the limits that the flow states, or it would be invalid."""
        locks = (lock for step in self.flow.all_steps for lock in step.fields.get("locks", ()))
        self._maker.locks = {lock["name"]: lock["limit"] for lock in locks}

    async def _say(self, body: Object) -> bool:
        """Say it once; a server that is away does not hear it, and a flow may be gone."""
        try:
            await self.stage.call("PATCH", f"{FLOWS}/{self.name}", body)
        except (AssertionError, TransportError):
            return False
        return True

    async def _insist(self, method: str, path: str, body: Object) -> None:
        """Say it until it is heard, or there is nobody to hear it."""
        while True:
            try:
                await self.stage.call(method, path, body)
            except TransportError:
                if method == "POST" and self.stage.flow(self.name) is not None:
                    return
                await asyncio.sleep(1.0)
            except AssertionError:
                return
            else:
                return


_ACTS = ("suspend", "tune", "edit", "resume", "stop", "delete", "mistakes")


def _renamed(flow: PlannedFlow, prefix: str) -> PlannedFlow:
    def rename(step: Planned) -> Planned:
        when = step.when
        if when is not None and when.on:
            when = replace(when, on=prefix + when.on)
        takes = prefix + step.takes if step.takes else ""
        fields = dict(step.fields)
        if takes:
            path = {"valueFrom": {"jsonPath": f"{takes}:$.outputs.by"}}
            fields["inputs"] = {"parameters": [{"name": "by", **path}]}
        return replace(
            step,
            name=prefix + step.name,
            parents=tuple(prefix + parent for parent in step.parents),
            when=when,
            takes=takes,
            fields=fields,
        )

    return replace(
        flow,
        steps=tuple(rename(step) for step in flow.steps),
        handlers=tuple(rename(step) for step in flow.handlers),
    )
