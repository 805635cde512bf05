"""`jobflow render`: what a flow would create on a cluster, without one."""

import sys
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.console import Console

from jobflows.api.array import TaskValues
from jobflows.api.jsonpath import split_step_path
from jobflows.api.map import ITEMS_KEY, Blocks, Map
from jobflows.api.placeholders import OUTCOME, substitute
from jobflows.cli.documents import to_json_list, to_yaml
from jobflows.cli.flowfile import compile_flow, read_flow
from jobflows.engine import CompiledFlow, CompiledStep, StartAttempt
from jobflows.engine.batches import first_batch
from jobflows.engine.blocks import cut
from jobflows.manifests.job import build_job
from jobflows.manifests.resources import build_resources

UID = "<uid>"
"""Stands for what the API server gives to a flow when it is applied."""


class Output(StrEnum):
    """How manifests are printed."""

    YAML = "yaml"
    JSON = "json"


def render(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="The flow to render; - is standard input.")
    ],
    param: Annotated[
        list[str] | None,
        typer.Option("--param", "-p", metavar="NAME=VALUE", help="Value of a flow parameter."),
    ] = None,
    output: Annotated[
        Output, typer.Option("--output", "-o", help="yaml: documents; json: a List.")
    ] = Output.YAML,
) -> None:
    """Print the Jobs, PersistentVolumeClaims and ConfigMaps that a flow would create.

    Jobs come in topological order, each as the first attempt of its step.

    What is known at run time only is shown like <steps.extract.outputs.rows>.

    Exit code: 0 printed, 1 the flow has problems, 2 wrong usage or a file that cannot be read.

    Examples:

      jobflow render flow.yaml

      jobflow render flow.yaml --param day=2026-01-31 -o json | jq '.items[].metadata.name'
    """
    notes = Console(stderr=True, highlight=False, soft_wrap=True)
    read = read_flow(file, notes)
    flow = compile_flow(read.flow, param or [], uid=UID, suffix="xxxxx", now=0.0)
    if output is Output.JSON:
        items = [*build_resources(flow), *(job for _, job in _jobs(flow) if job is not None)]
        sys.stdout.write(to_json_list(items))
        return
    for resource in build_resources(flow):
        sys.stdout.write("---\n" + to_yaml(resource))
    for step, job in _jobs(flow):
        if job is None:
            sys.stdout.write(f"---\n# Step {step.name} waits for a person and creates nothing.\n")
        else:
            sys.stdout.write(f"---\n# Step {step.name}\n" + to_yaml(job))


def _jobs(flow: CompiledFlow) -> list[tuple[CompiledStep, dict[str, Any] | None]]:
    steps = (flow.steps[index] for index in flow.graph.order)
    return [
        (step, None if step.is_manual else build_job(flow, _first_start(flow, step)))
        for step in steps
    ]


def _first_start(flow: CompiledFlow, step: CompiledStep) -> StartAttempt:
    """The first attempt of a step; of an array the first batch, if nothing limits it."""
    parameters = _values(flow, step)
    if not step.is_array:
        return StartAttempt(step.index, 1, parameters)
    if step.spec.map is not None:
        return _first_block(step, step.spec.map, parameters)
    values = step.values or TaskValues(1, items=({"item": "<item>"},))
    batch = first_batch(values)
    return StartAttempt(step.index, 1, parameters, batch, values)


def _first_block(step: CompiledStep, mapping: Map, parameters: Mapping[str, str]) -> StartAttempt:
    """The first attempt of a map, cut as if no run of its function had been measured."""
    if mapping.written is None:
        values = TaskValues(1, items=({ITEMS_KEY: "<items>"},))
        return StartAttempt(step.index, 1, parameters, first_batch(values), values)
    size = cut(mapping, mapping.written, None).per_task
    blocks = Blocks(mapping.written, size)
    values = TaskValues(len(blocks), items=blocks)
    batch = first_batch(values)
    return StartAttempt(step.index, 1, parameters, batch, values, items_per_task=size)


def _values(flow: CompiledFlow, step: CompiledStep) -> Mapping[str, str]:
    """The step's parameters as far as they are known before the flow runs."""
    values = dict(flow.parameters)
    for parameter in step.spec.inputs.parameters:
        source = parameter.value_from
        if parameter.value is not None:
            values[parameter.name] = substitute(parameter.value, flow.parameters)
        elif source is not None and source.json_path is not None:
            producer, path = split_step_path(source.json_path)
            values[parameter.name] = f"<steps.{producer}{path.removeprefix('$')}>"
        else:
            values.pop(parameter.name, None)  # becomes an environment variable
    return values | ({name: f"<{name}>" for name in OUTCOME} if step.on_exit else {})
