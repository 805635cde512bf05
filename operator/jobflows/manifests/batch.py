"""A batch of tasks as an Indexed Job.

All pods of a Job share one template, and Kubernetes tells a pod only its position in the Job. The
tasks of a batch may be any, so the containers get JOBFLOW_TASKS, the batch's task indexes as
ranges in the order of the positions. A container that names `{{ task.… }}` is started through
/bin/sh, which finds its task's values and then becomes the command. Its words travel as arguments
of that shell, so nothing in them is ever read as shell text.

Nothing else is needed: no ConfigMap, no init container, no image of ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from jobflows.api.array import TaskValues
from jobflows.api.placeholders import split_task, substitute
from jobflows.engine.indexes import IndexSet

TASKS = "JOBFLOW_TASKS"
"""Variable with the task indexes of the batch."""

SHELL = ["/bin/sh", "-c"]

_FIND_INDEX = """\
position=$JOB_COMPLETION_INDEX IFS=,
for range in $JOBFLOW_TASKS; do
  first=${range%-*} last=${range#*-}
  size=$((last - first + 1))
  [ $position -lt $size ] && break
  position=$((position - size))
done
unset IFS
task_index=$((first + position))
"""


def index_job(spec: dict[str, Any], tasks: IndexSet, timeout: float | None) -> None:
    """Make the spec of a Job run each of `tasks` once, all at the same time.

    Whatever fails is left to the engine, which knows why it failed and may ask for more memory. The
    timeout is each pod's own.
    """
    spec["completionMode"] = "Indexed"
    spec["completions"] = spec["parallelism"] = len(tasks)
    spec["backoffLimitPerIndex"] = 0
    spec["podReplacementPolicy"] = "Failed"
    if timeout is not None:
        spec["template"]["spec"].setdefault("activeDeadlineSeconds", int(timeout))


def give_tasks(
    container: dict[str, Any],
    template: Mapping[str, Any],
    known: Mapping[str, str],
    tasks: IndexSet,
    values: TaskValues,
) -> None:
    """Give a container its task.

    `template` is the container as the user wrote it, `container` the same with parameters filled
    in; `known` is what they are in command, args and env.
    """
    variables = [v for v in template.get("env") or () if split_task(str(v.get("value") or ""))]
    words = [*(template.get("command") or ()), *(template.get("args") or ())]
    shell = _Shell(known)
    if variables or any(split_task(word) for word in words):
        exports = [f"export {v['name']}={shell.word(v['value'])}" for v in variables]
        command = " ".join(shell.word(word) for word in words)
        lines = [*_assignments(tasks, values), *exports, f"exec {command}"]
        script = "\n".join(lines).replace("$", "$$")  # which the kubelet undoes
        container["command"] = [*SHELL, script, "task"]
        container["args"] = shell.literals
    moved = {v["name"] for v in variables}
    own = [v for v in container.get("env") or () if v["name"] not in moved]
    container["env"] = [{"name": TASKS, "value": str(tasks)}, *own]


class _Shell:
    """Builds shell words; the literal parts become the positional parameters $1, $2, …"""

    def __init__(self, known: Mapping[str, str]) -> None:
        self._known = known
        self.literals: list[str] = []

    def word(self, text: str) -> str:
        parts = split_task(text) or [text]
        return '"' + "".join(self._part(i, part) for i, part in enumerate(parts)) + '"'

    def _part(self, number: int, part: str) -> str:
        if number % 2:
            return f"${{task_{part}}}"
        if not part:
            return ""
        self.literals.append(substitute(part, self._known))
        return f"${{{len(self.literals)}}}"


def _assignments(tasks: IndexSet, values: TaskValues) -> Iterator[str]:
    yield _FIND_INDEX.rstrip()
    if values.is_compact:
        yield from _matrix(values)
        return
    yield "case $JOB_COMPLETION_INDEX in"
    for position, index in enumerate(tasks):
        pairs = " ".join(f"task_{key}={_quoted(value)}" for key, value in values[index].items())
        yield f"{position}) {pairs} ;;"
    yield "esac"


def _matrix(values: TaskValues) -> Iterator[str]:
    """The values by arithmetic, the fastest dimension first."""
    if not values.matrix:
        return
    yield "left=$task_index"
    for key, choices in reversed(tuple(values.matrix.items())):
        yield f"number=$((left % {len(choices)})) left=$((left / {len(choices)}))"
        cases = " ".join(f"{n}) task_{key}={_quoted(v)} ;;" for n, v in enumerate(choices))
        yield f"case $number in {cases} esac"


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "'\\''") + "'"
