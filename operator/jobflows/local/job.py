"""One attempt: the pods of a Job, as many at once and as often as its manifest says.

Honoured: completions, parallelism, completionMode, backoffLimit, podFailurePolicy by exit codes,
activeDeadlineSeconds. Pods that are tried again wait one second, then two, and so on; on a cluster
it is ten times as long, to protect a node that this machine does not have.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jobflows.engine import Attempt, AttemptRef, AttemptState, Cause, Instant
from jobflows.local.command import Command, Place, build_command
from jobflows.local.failure_rules import PodVerdict, judge_pod
from jobflows.local.pod import Pod, PodResult
from jobflows.local.process import Host
from jobflows.local.sources import Sources
from jobflows.local.unavailable import UnavailableError
from jobflows.local.usage import NOTHING
from jobflows.local.volumes import make_volumes
from jobflows.manifests.labels import read_locks

DEFAULT_GRACE = 10.0
"""Seconds between SIGTERM and SIGKILL without terminationGracePeriodSeconds."""

LONGEST_WAIT = 360.0
"""Longest wait before a pod is tried again, in seconds."""

_REFUSED = ("backoffLimitPerIndex", "maxFailedIndexes", "successPolicy")
INDEX = "JOB_COMPLETION_INDEX"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all attempts of a run share."""

    workdir: Path
    sources: Sources
    host: Host
    most_pods: int
    """Pods of one attempt at once, at most."""
    environment: Mapping[bytes, bytes] = field(repr=False)


class JobAttempt:
    """A Job manifest, to be run once."""

    def __init__(
        self,
        step: str,
        number: int,
        job: Mapping[str, Any],
        around: Surroundings,
        *,
        created: Instant,
    ) -> None:
        self._step = step
        self._spec = job["spec"]
        self._template = self._spec["template"]
        self._around = around
        self._directory = around.workdir / step / str(number)
        self._pods: set[Pod] = set()
        self._failures = 0
        self._stopped = asyncio.Event()
        self._failed: PodResult | None = None
        self._late = False
        self._output: str | None = None
        self.usage = NOTHING
        """What its pods have used; the memory is that of the one which took most."""
        metadata = job["metadata"]
        self._namespace = metadata.get("namespace") or "default"
        self.running = Attempt(
            number=number,
            state=AttemptState.RUNNING,
            ref=AttemptRef(metadata["name"]),
            created=created,
            locks=read_locks(metadata.get("annotations") or {}),
        )

    async def run(self) -> Attempt:
        """Run it to its end and say how it ended."""
        deadline = self._spec.get("activeDeadlineSeconds")
        timer = None
        if deadline is not None:
            timer = asyncio.get_running_loop().call_later(deadline, self._expire)
        try:
            self._refuse_what_only_a_cluster_does()
            if self._directory.exists():  # of an earlier run in the same work directory
                shutil.rmtree(self._directory)
            await self._run_pods()
        except UnavailableError as error:
            return self._ended(AttemptState.FAILED, cause=Cause.REJECTED, message=str(error))
        except OSError as error:
            words = f"this machine could not run it: {error}"
            return self._ended(AttemptState.FAILED, reason="LocalError", message=words)
        finally:
            if timer is not None:
                timer.cancel()
        return self._outcome()

    def stop(self) -> None:
        """End it, with the grace period of its pods."""
        self._stopped.set()
        for pod in self._pods:
            pod.stop()

    def kill(self) -> None:
        """End it at once."""
        self._stopped.set()
        for pod in self._pods:
            pod.kill()

    def _expire(self) -> None:
        self._late = True
        self.stop()

    def _refuse_what_only_a_cluster_does(self) -> None:
        for name in _REFUSED:
            if self._spec.get(name) is not None and self._spec.get("completions") != 1:
                raise UnavailableError(f"spec.{name}", "needs a cluster", "Leave it out")

    async def _run_pods(self) -> None:
        at_once = self._spec.get("parallelism") or 1
        # Without completions, a Job of several pods is done when its pods are.
        pods = self._spec.get("completions") or at_once
        width = min(at_once, pods, self._around.most_pods)
        todo = iter(range(pods))
        if width == 1:
            await self._work(todo, single=pods == 1)
            return
        # Not a TaskGroup: it would wrap what a worker raises, and cancel the others without grace.
        workers = [asyncio.create_task(self._work(todo, single=False)) for _ in range(width)]
        await asyncio.wait(workers, return_when=asyncio.FIRST_EXCEPTION)
        if any(worker.done() and worker.exception() for worker in workers):
            self.stop()
        await asyncio.gather(*workers)

    async def _work(self, todo: Iterator[int], *, single: bool) -> None:
        """Take pods from `todo`, each until it has succeeded or the Job has failed."""
        for index in todo:
            while not self._stopped.is_set():
                result = await self._run_pod(index, single=single)
                if result.succeeded:
                    self._output = result.output if single else None
                    break
                await self._after_failure(result)

    async def _run_pod(self, index: int, *, single: bool) -> PodResult:
        pod = self._pod(index, single=single)
        self._pods.add(pod)
        try:
            return await pod.run()
        finally:
            self._pods.discard(pod)
            self.usage = self.usage.after(pod.usage)

    async def _after_failure(self, result: PodResult) -> None:
        """Let the Job fail, or wait until the pod may be tried again."""
        verdict = judge_pod(self._spec.get("podFailurePolicy"), result.exit_codes)
        if verdict is PodVerdict.COUNT:
            self._failures += 1
        limit = self._spec.get("backoffLimitPerIndex", self._spec.get("backoffLimit", 6))
        if verdict is PodVerdict.FAIL_JOB or self._failures > limit or self._stopped.is_set():
            self._failed = self._failed or result
            self.stop()
            return
        wait = min(2.0 ** max(0, self._failures - 1), LONGEST_WAIT)
        try:
            await asyncio.wait_for(self._stopped.wait(), wait)
        except TimeoutError:
            return
        self._failed = self._failed or result

    def _pod(self, index: int, *, single: bool) -> Pod:
        spec = self._template["spec"]
        directory = self._directory
        if not single:
            directory.mkdir(parents=True, exist_ok=True)
            directory = directory / str(index)
        with suppress(FileExistsError):  # three calls to the system fewer than `parents=True`
            directory.parent.mkdir()
        directory.mkdir(exist_ok=True)
        around = self._around
        name = self.running.ref.name if single else f"{self.running.ref.name}-{index}"
        metadata = {
            "namespace": self._namespace,
            **self._template.get("metadata", {}),
            "name": name,
        }
        indexed = self._spec.get("completionMode") == "Indexed"
        place = Place(
            step=self._step,
            directory=directory,
            volumes=make_volumes(
                spec, workdir=around.workdir, pod_dir=directory, sources=around.sources
            ),
            metadata=metadata,
            sources=around.sources,
            base=around.environment,
            extra={INDEX: str(index)} if indexed else {},
        )
        init = [self._init_command(item, place) for item in spec.get("initContainers") or ()]
        grace = spec.get("terminationGracePeriodSeconds")
        return Pod(
            init,
            [build_command(item, place) for item in spec["containers"]],
            host=around.host,
            grace=DEFAULT_GRACE if grace is None else grace,
            deadline=spec.get("activeDeadlineSeconds"),
        )

    def _init_command(self, container: Mapping[str, Any], place: Place) -> Command:
        if container.get("restartPolicy") == "Always":
            raise UnavailableError(
                f"initContainer {container['name']}, restartPolicy: Always",
                "sidecars need a cluster",
                "Make it a container, or start it in the step's command",
            )
        return build_command(container, place)

    def _outcome(self) -> Attempt:
        if self._late:
            words = "the Job's activeDeadlineSeconds is over"
            return self._ended(
                AttemptState.FAILED, cause=Cause.TIMEOUT, reason="DeadlineExceeded", message=words
            )
        if self._failed is not None:
            return self._ended(
                AttemptState.FAILED,
                cause=self._failed.cause,
                reason=self._failed.reason,
                message=self._failed.message,
                exit_codes=self._failed.exit_codes,
            )
        if self._stopped.is_set() and self._output is None:
            return self._ended(AttemptState.FAILED, reason="Stopped", message="stopped")
        return self._ended(AttemptState.SUCCEEDED, output=self._output)

    def _ended(self, state: AttemptState, **facts: Any) -> Attempt:
        running = self.running
        return Attempt(
            number=running.number, state=state, ref=running.ref, created=running.created, **facts
        )
