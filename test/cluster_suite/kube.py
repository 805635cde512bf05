"""kubectl in one namespace: the only client that the tests use, because it is what users have.

Rule: nothing sleeps. Waiting is a watch with a deadline, and what a test waited for in vain is
explained by the last state that was seen.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

Object = dict[str, Any]

SECONDS = 60
"""The usual deadline, for a machine that is busy with something else."""

FLOW = "workflow.kube-zen.io/flow"
STEP = "workflow.kube-zen.io/step"
ATTEMPT = "workflow.kube-zen.io/attempt"
APPROVED = "approved.workflow.kube-zen.io"


class KubectlError(AssertionError):
    """kubectl ended with an error; the text is what it said."""


class StillNotError(AssertionError):
    """A deadline passed before a condition held."""


@dataclass(frozen=True)
class Kube:
    """`kubectl --namespace …`."""

    config: Path | str
    namespace: str
    program: str = "kubectl"

    def __call__(self, *arguments: str, stdin: Object | str | None = None) -> str:
        """Run one command and return its output; raises KubectlError."""
        text = stdin if isinstance(stdin, str | None) else json.dumps(stdin)
        done = subprocess.run(
            self._command(*arguments), input=text, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise KubectlError(f"kubectl {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def refused(self, *arguments: str, stdin: Object | str | None = None) -> str:
        """Run a command that must fail; returns what kubectl said."""
        try:
            answer = self(*arguments, stdin=stdin)
        except KubectlError as error:
            return str(error)
        raise AssertionError(f"kubectl {' '.join(arguments)} was not refused: {answer}")

    def noted(self, *arguments: str, stdin: Object | str | None = None) -> str:
        """Run a command that must succeed; returns what it said on standard error: warnings."""
        text = stdin if isinstance(stdin, str | None) else json.dumps(stdin)
        done = subprocess.run(
            self._command(*arguments), input=text, capture_output=True, text=True, check=False
        )
        assert not done.returncode, done.stderr
        return done.stderr

    def within(self, namespace: str) -> Kube:
        """The same in another namespace."""
        return replace(self, namespace=namespace)

    def apply(self, *objects: Object) -> None:
        """`kubectl apply` of all objects in one go."""
        self("apply", "-f", "-", stdin={"apiVersion": "v1", "kind": "List", "items": objects})

    def create(self, manifest: Object) -> str:
        """`kubectl create`; returns the name, which the server may have made."""
        answer = self("create", "-f", "-", "-o", "name", stdin=manifest)
        return answer.strip().rpartition("/")[2]

    def get(self, kind: str, name: str) -> Object:
        """One object."""
        found: Object = json.loads(self("get", kind, name, "-o", "json"))
        return found

    def find(self, kind: str, selector: str = "") -> list[Object]:
        """Objects by labels, in the order of their names."""
        found = json.loads(self("get", kind, "--selector", selector, "-o", "json"))
        return sorted(found["items"], key=lambda item: str(item["metadata"]["name"]))

    def flow(self, name: str) -> Object:
        """The status of a flow."""
        status: Object = self.get("jf", name).get("status", {})
        return status

    def jobs(self, flow: str, step: str = "") -> list[Object]:
        """The Jobs of a flow, or of one of its steps."""
        return self.find("jobs", _selector(flow, step))

    def pods(self, flow: str, step: str = "") -> list[Object]:
        """The pods of a flow, or of one of its steps."""
        return self.find("pods", _selector(flow, step))

    def patch(self, kind: str, name: str, patch: Object, *arguments: str) -> None:
        """`kubectl patch --type merge`."""
        self("patch", kind, name, "--type", "merge", "--patch", json.dumps(patch), *arguments)

    def annotate(self, name: str, key: str, value: str) -> None:
        """`kubectl annotate jf`."""
        self("annotate", "jf", name, f"{key}={value}", "--overwrite")

    def gone(self, kind: str, name: str, seconds: int = SECONDS) -> None:
        """Wait for the end of an object."""
        self("wait", f"{kind}/{name}", "--for=delete", f"--timeout={seconds}s")

    def until(
        self, kind: str, name: str, holds: Callable[[Object], bool], seconds: int = SECONDS
    ) -> Object:
        """Watch one object, which need not exist yet, until `holds`; returns it."""
        selector = f"--field-selector=metadata.name={name}"
        return self._until(f"{kind} {name}", [kind, selector], holds, seconds)

    def until_any(
        self, kind: str, selector: str, holds: Callable[[Object], bool], seconds: int = SECONDS
    ) -> Object:
        """Watch all objects of these labels until `holds` for one of them; returns that one."""
        return self._until(f"{kind} {selector}", [kind, f"--selector={selector}"], holds, seconds)

    def ends(self, name: str, phase: str = "Succeeded", seconds: int = SECONDS) -> Object:
        """Wait for the end of a flow and check that it is this one; returns its status."""
        flow = self.until("jf", name, _is_over, seconds)
        status: Object = flow["status"]
        assert status["phase"] == phase, json.dumps(status, indent=1)
        return status

    def ends_after_edit(self, name: str, phase: str = "Succeeded") -> Object:
        """Wait for the end of the newest generation of a flow that had ended before."""

        def over(flow: Object) -> bool:
            seen = flow["status"].get("observedGeneration")
            return bool(seen == flow["metadata"]["generation"] and _is_over(flow))

        status: Object = self.until("jf", name, over)["status"]
        assert status["phase"] == phase, json.dumps(status, indent=1)
        return status

    def reaches(self, name: str, phase: str, seconds: int = SECONDS) -> Object:
        """Wait until a flow is in a phase; returns its status."""
        flow = self.until("jf", name, lambda f: f.get("status", {}).get("phase") == phase, seconds)
        status: Object = flow["status"]
        return status

    def step_reaches(self, name: str, step: str, phase: str, seconds: int = SECONDS) -> Object:
        """Wait until a step is in a phase; returns the step's status."""
        flow = self.until("jf", name, lambda f: _phase(f, step) == phase, seconds)
        return steps(flow["status"])[step]

    def event(self, flow: str, reason: str, seconds: int = SECONDS) -> str:
        """Wait for an event about a flow; returns its message."""
        found = self._until(
            f"event {reason} of {flow}",
            ["events", f"--field-selector=reason={reason},involvedObject.name={flow}"],
            lambda _: True,
            seconds,
        )
        message: str = found["message"]
        return message

    @contextmanager
    def watch(self, *arguments: str, seconds: int = SECONDS) -> Iterator[Iterator[Object]]:
        """The objects that `kubectl get --watch` prints, until the time is up."""
        process = subprocess.Popen(
            self._command(
                *("get", *arguments, "--watch", "-o", "json", f"--request-timeout={seconds}s")
            ),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert process.stdout is not None
        try:
            yield _documents(process.stdout)
        finally:
            process.kill()
            process.wait()
            process.stdout.close()

    def _until(
        self, what: str, arguments: list[str], holds: Callable[[Object], bool], seconds: int
    ) -> Object:
        last: Object = {}
        with self.watch(*arguments, seconds=seconds) as seen:
            for last in seen:
                if holds(last):
                    return last
        shown = json.dumps(last.get("status", last), indent=1)
        raise StillNotError(f"{what}: not so within {seconds} s, last seen: {shown}")

    def _command(self, *arguments: str) -> list[str]:
        return [
            *(self.program, "--kubeconfig", str(self.config)),
            *("--namespace", self.namespace, *arguments),
        ]


def steps(status: Object) -> dict[str, Object]:
    """The steps of a status by name."""
    return {step["name"]: step for step in status.get("steps", ())}


def phases(status: Object) -> dict[str, str]:
    """The phases of a flow's steps by name."""
    return {name: step["phase"] for name, step in steps(status).items()}


def condition(of: Object, kind: str) -> Object:
    """A condition by its type."""
    return next(c for c in of["conditions"] if c["type"] == kind)


def moment(text: str) -> datetime:
    """A time as Kubernetes writes it, with or without a fraction of a second."""
    return datetime.fromisoformat(text)


def container(job: Object) -> Object:
    """The first container of a Job."""
    found: Object = job["spec"]["template"]["spec"]["containers"][0]
    return found


def _selector(flow: str, step: str) -> str:
    return f"{FLOW}={flow}" + (f",{STEP}={step}" if step else "")


def _phase(flow: Object, step: str) -> str:
    phase: str = steps(flow.get("status", {})).get(step, {}).get("phase", "")
    return phase


def _is_over(flow: Object) -> bool:
    return flow.get("status", {}).get("phase") in ("Succeeded", "Failed")


def _documents(lines: Iterator[str]) -> Iterator[Object]:
    """kubectl prints one indented JSON object after the other."""
    document: list[str] = []
    for line in lines:
        document.append(line)
        if line == "}\n":
            yield json.loads("".join(document))
            document = []
