"""The commands of `jobflow`: where each is, and the first sentence of its help.

A command is imported when it is used. Help and completion need only what stands here, and a test
holds the sentences to the commands' own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from inspect import iscoroutinefunction
from typing import Any

MACHINE, CLUSTER, EITHER = "On this machine", "On a cluster", "On a cluster or on this machine"
SHELL = "In a shell"


@dataclass(frozen=True, slots=True)
class Command:
    """A command by its name."""

    name: str
    place: str
    """module:function, in this package."""
    panel: str
    summary: str

    def load(self) -> Callable[..., Any]:
        """Import the function that is the command."""
        module, _, name = self.place.partition(":")
        function: Callable[..., Any] = getattr(import_module(f"jobflows.cli.{module}"), name)
        if not iscoroutinefunction(function):
            return function
        if self.panel == EITHER:
            from jobflows.cli.place import anywhere  # noqa: PLC0415 - see the docstring

            return anywhere(function)
        from jobflows.cli.connection import on_cluster  # noqa: PLC0415 - see the docstring

        return on_cluster(function)


COMMANDS = {
    command.name: command
    for command in (
        Command(
            "run",
            "run:run",
            MACHINE,
            "Run a flow on this machine: each step is a process, no cluster and no container is "
            "needed.",
        ),
        Command(
            "map",
            "map.command:main",
            MACHINE,
            "Run a Python function over many items, on all cores of this machine or pod.",
        ),
        Command(
            "call",
            "call:main",
            MACHINE,
            "Call a Python function once, with arguments from the command line.",
        ),
        Command(
            "lint",
            "lint:lint",
            MACHINE,
            "Check JobFlows without a cluster: fields, graph, templates, conditions, parameters.",
        ),
        Command(
            "render",
            "render:render",
            MACHINE,
            "Print the Jobs, PersistentVolumeClaims and ConfigMaps that a flow would create.",
        ),
        Command(
            "convert",
            "convert.command:convert",
            MACHINE,
            "Turn Argo Workflows, or Volcano JobFlows with their JobTemplates, into JobFlows.",
        ),
        Command(
            "graph",
            "graph.command:graph",
            EITHER,
            "Draw what waits for what, with phases and the critical path.",
        ),
        Command(
            "submit",
            "submit:submit",
            CLUSTER,
            "Create a flow on a cluster, with values for its parameters.",
        ),
        Command(
            "ui",
            "ui:ui",
            MACHINE,
            "Show runs in a browser: graphs, times, errors, what they used.",
        ),
        Command(
            "list",
            "flows:list_flows",
            EITHER,
            "List flows of a cluster, or runs of this machine, with their progress.",
        ),
        Command(
            "explain",
            "explain:explain_flow",
            EITHER,
            "Say of each step that is not done why: dependencies, retries, limits, queues, nodes, "
            "images.",
        ),
        Command("status", "flows:status", EITHER, "Show how a flow and its steps stand."),
        Command(
            "logs",
            "logs.command:logs",
            EITHER,
            "Print the log of a step; of an array, that of the newest attempt of each task.",
        ),
        Command(
            "tasks",
            "tasks:tasks",
            EITHER,
            "List the tasks of a flow: its steps, and of arrays each task.",
        ),
        Command(
            "usage",
            "usage.command:usage",
            EITHER,
            "Show what the tasks of a flow have used: memory, time and CPU, as percentiles.",
        ),
        Command(
            "recommend",
            "usage.recommend:recommend",
            EITHER,
            "Print a flow with the memory, CPU and time that its steps should ask for.",
        ),
        Command("approve", "steer:approve", EITHER, "Approve a Manual step, also before it asks."),
        Command(
            "reject",
            "steer:reject",
            EITHER,
            "Reject a Manual step: it fails, and what depends on it is skipped.",
        ),
        Command(
            "pause", "steer:pause", EITHER, "Start no more steps of a flow; those that run go on."
        ),
        Command("unpause", "steer:unpause", EITHER, "Let a paused flow go on."),
        Command(
            "stop",
            "steer:stop",
            EITHER,
            "End a flow now: what runs is stopped, the rest is skipped, and the steps of onExit "
            "run.",
        ),
        Command(
            "resume",
            "resume:resume",
            EITHER,
            "Run again what did not succeed; finished steps keep their results.",
        ),
        Command(
            "retry",
            "retry:retry",
            EITHER,
            "Try failed steps again, and what was skipped below them; what runs goes on.",
        ),
        Command(
            "set-parallelism",
            "steer:set_parallelism",
            EITHER,
            "Change how many tasks of a flow run at once; lowering it stops nothing that runs.",
        ),
        Command(
            "archive",
            "archive.command:archive",
            MACHINE,
            "Make an archive of what ran, tell what is in it, export it, or remove what is old.",
        ),
        Command(
            "completion",
            "completion:completion",
            SHELL,
            "Print a script that completes commands, options, and names of flows and steps.",
        ),
    )
}
