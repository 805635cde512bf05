"""`jobflow convert`: flows on standard output, what they lack on standard error."""

import pathlib
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from jobflows.api.source import Document, Mark, SourceError, load
from jobflows.api.validation import Path, check
from jobflows.api.validation.problems import dotted
from jobflows.cli.convert import volcano
from jobflows.cli.convert.argo import workflow as argo
from jobflows.cli.convert.source import ConversionError, Note, Notes
from jobflows.cli.documents import to_json_list, to_yaml

DONE, FAILED, UNREADABLE = 0, 1, 2


class Output(StrEnum):
    """How flows are printed."""

    YAML = "yaml"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class _Input:
    """A document of a file."""

    file: str
    document: Document
    item: int | None = None
    """Its place in a List of kubectl."""

    @property
    def value(self) -> Mapping[str, Any]:
        value = self.document.value
        if isinstance(value, Mapping) and self.item is not None:
            value = value["items"][self.item]
        return value if isinstance(value, Mapping) else {}

    def locate(self, path: Path) -> Mark:
        """Where something of it is in the file."""
        base = () if self.item is None else ("items", self.item)
        return self.document.locate((*base, *path))

    @property
    def group(self) -> str:
        return str(self.value.get("apiVersion", "")).partition("/")[0]

    @property
    def kind(self) -> str:
        return str(self.value.get("kind", ""))

    @property
    def name(self) -> str:
        metadata = self.value.get("metadata")
        found = metadata.get("name", "") if isinstance(metadata, Mapping) else ""
        return str(found)


def convert(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE...", help="Files to convert; - is standard input.")
    ],
    *,
    strict: Annotated[
        bool, typer.Option("--strict", help="Fail if anything cannot be carried over.")
    ] = False,
    output: Annotated[
        Output, typer.Option("--output", "-o", help="yaml: documents; json: a List.")
    ] = Output.YAML,
) -> None:
    """Turn Argo Workflows, or Volcano JobFlows with their JobTemplates, into JobFlows.

    Whatever a flow cannot have is named on standard error with its place and what to do instead.

    Steps that cannot be converted become Manual steps, conditions that cannot be read become never:
    nothing runs that did not run before.

    Exit code: 0 converted, 1 something cannot be converted, or with --strict not carried over, 2
    wrong usage or a file that cannot be read.

    Examples:

      jobflow convert workflow.yaml > flow.yaml

      jobflow convert workflow.yaml templates.yaml --strict | jobflow lint -

      kubectl get workflow etl -o yaml | jobflow convert - | jobflow graph -

      jobflow convert JobFlow.yaml JobTemplate.yaml
    """
    notes = Console(stderr=True, highlight=False, soft_wrap=True)
    inputs = [found for file in files for found in _read(file, notes)]
    flows, lost, failed = [], 0, False
    for found in _convertible(inputs):
        told = Notes()
        try:
            flow = _converted(found, inputs, told)
        except ConversionError as error:
            notes.print(_line(_placed(found, Note(error.path, str(error), True), inputs)))
            failed = True
            continue
        placed = [_placed(found, note, inputs) for note in told.found]
        for each in sorted(placed, key=lambda each: (each.file, each.mark)):
            notes.print(_line(each))
        lost += sum(note.lost for note in told.found)
        failed |= _has_problems(found, flow, notes)
        flows.append(flow)
    if not flows and not failed:
        notes.print(Text("no Workflow of Argo and no JobFlow of Volcano found", "red"))
        raise typer.Exit(FAILED)
    _print(flows, output)
    words = (
        f"{lost} field{'s' * (lost != 1)} could not be carried over" if lost else "all carried over"
    )
    notes.print(Text(f"{len(flows)} flow{'s' * (len(flows) != 1)} converted, {words}", "dim"))
    raise typer.Exit(FAILED if failed or (strict and lost) else DONE)


def _print(flows: list[dict[str, Any]], output: Output) -> None:
    if output is Output.JSON:
        sys.stdout.write(to_json_list(flows))
        return
    for number, flow in enumerate(flows):
        sys.stdout.write(("---\n" if number else "") + to_yaml(flow))


def _convertible(inputs: list[_Input]) -> Iterator[_Input]:
    """What becomes a flow; of Argo's templates only where no workflow of the input uses them."""
    ours = [each for each in inputs if each.group == argo.GROUP and each.kind in argo.FLOWS]
    flows = [each for each in ours if not each.kind.endswith("WorkflowTemplate")]
    yield from flows or ours
    yield from (i for i in inputs if i.group == volcano.GROUP and i.kind == "JobFlow")


def _converted(found: _Input, inputs: list[_Input], notes: Notes) -> dict[str, Any]:
    if found.group == volcano.GROUP:
        templates = {each.name: each.value for each in inputs if each.kind == "JobTemplate"}
        return volcano.convert_jobflow(found.value, templates, notes)
    library = {each.name: each.value for each in inputs if each.kind.endswith("WorkflowTemplate")}
    return argo.convert_workflow(found.value, library, notes)


def _has_problems(found: _Input, flow: dict[str, Any], notes: Console) -> bool:
    """What the validator says of a flow that was made: what the source said makes no sense here."""
    problems = check(flow).problems
    for problem in problems:
        notes.print(Text(f"{found.file}: the flow would have a problem: {problem}", "red"))
    return bool(problems)


@dataclass(frozen=True, slots=True)
class _Placed:
    """A note and where in the files it belongs."""

    file: str
    mark: Mark
    path: Path
    note: Note


def _placed(found: _Input, note: Note, inputs: list[_Input]) -> _Placed:
    """Notes on a template of another document begin with its kind and name."""
    for other in inputs:
        if note.path[:2] == (other.kind, other.name):
            return _Placed(other.file, other.locate(note.path[2:]), note.path, note)
    return _Placed(found.file, found.locate(note.path), note.path, note)


def _line(placed: _Placed) -> Text:
    place = f"{placed.file}:{placed.mark.line}:{placed.mark.column}: "
    where = f"{dotted(placed.path)}: " if placed.path else ""
    note = placed.note
    what = ("not carried over: ", "red") if note.lost else ("changed: ", "yellow")
    return Text.assemble((place, "bold"), (where, "cyan"), what, note.message)


def _read(file: str, notes: Console) -> Iterator[_Input]:
    name = "<stdin>" if file == "-" else file
    try:
        data = sys.stdin.buffer.read() if file == "-" else pathlib.Path(file).read_bytes()
        documents = load(data.decode("utf-8-sig"))
    except OSError as error:
        notes.print(Text(f"{name}: cannot be read: {error.strerror}", "red"))
        raise typer.Exit(UNREADABLE) from None
    except UnicodeDecodeError:
        notes.print(Text(f"{name}: cannot be read: it is not UTF-8 text", "red"))
        raise typer.Exit(UNREADABLE) from None
    except SourceError as error:
        place = f"{name}:{error.mark.line}:{error.mark.column}"
        notes.print(Text(f"{place}: not YAML: {error}", "red"))
        raise typer.Exit(UNREADABLE) from None
    for document in documents:
        whole = _Input(name, document)
        items = whole.value.get("items") if whole.kind == "List" else None
        if isinstance(items, list):
            yield from (_Input(name, document, i) for i in range(len(items)))
        else:
            yield whole
