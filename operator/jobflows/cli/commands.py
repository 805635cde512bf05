"""The commands of `jobflow`: where each is, and the first sentence of its help.

A command is imported when it is used. Help and completion need only what stands here, and a test
holds the sentences to the commands' own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

MACHINE, CLUSTER = "On this machine", "On a cluster"


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
        if self.panel == MACHINE:
            return function
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
        Command("list", "flows:list_flows", CLUSTER, "List flows with their progress."),
        Command(
            "explain",
            "explain:explain_flow",
            CLUSTER,
            "Say of each step that is not done why: dependencies, retries, limits, queues, nodes, "
            "images.",
        ),
        Command("status", "flows:status", CLUSTER, "Show how a flow and its steps stand."),
        Command(
            "logs",
            "logs:logs",
            CLUSTER,
            "Print the log of a step's pods; of an array, that of the newest attempt of each task.",
        ),
        Command("approve", "steer:approve", CLUSTER, "Approve a Manual step, also before it asks."),
        Command(
            "reject",
            "steer:reject",
            CLUSTER,
            "Reject a Manual step: it fails, and what depends on it is skipped.",
        ),
        Command(
            "pause", "steer:pause", CLUSTER, "Start no more steps of a flow; those that run go on."
        ),
        Command("unpause", "steer:unpause", CLUSTER, "Let a paused flow go on."),
        Command(
            "stop",
            "steer:stop",
            CLUSTER,
            "End a flow now: what runs is stopped, the rest is skipped, and the steps of onExit "
            "run.",
        ),
        Command(
            "resume",
            "resume:resume",
            CLUSTER,
            "Run again what did not succeed; finished steps keep their results.",
        ),
        Command(
            "set-parallelism",
            "steer:set_parallelism",
            CLUSTER,
            "Change how many tasks of a flow run at once; lowering it stops nothing that runs.",
        ),
    )
}
