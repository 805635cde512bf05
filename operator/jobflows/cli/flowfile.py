"""From what a person names on the command line to a flow that is ready to run.

A file goes through the same validator as everywhere; its problems are printed as `lint` prints
them. Parameters given beside it are checked against what the flow knows.
"""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import typer
from rich.console import Console
from rich.text import Text

from jobflows.api.model import JobFlow
from jobflows.api.source import Document, Mark, SourceError, load
from jobflows.api.validation import Problem, check
from jobflows.cli.lint import Finding, is_flow
from jobflows.engine import CompiledFlow, Instant
from jobflows.local import UnknownParameterError, check_parameters

FAILED, UNREADABLE = 1, 2


class Read(NamedTuple):
    """A flow without problems: as it is written, and as a model."""

    document: dict[str, Any]
    flow: JobFlow


def read_flow(file: str, notes: Console) -> Read:
    """Read the one flow of a file, `-` for standard input; problems end the program."""
    name = "<stdin>" if file == "-" else file
    try:
        data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        text = data.decode("utf-8-sig")
    except OSError as error:
        _refuse(f"{name}: cannot be read: {error.strerror}", notes)
    except UnicodeDecodeError:
        _refuse(f"{name}: cannot be read: it is not UTF-8 text", notes)
    try:
        documents = _flows(text)
    except SourceError as error:
        problem = Problem((), f"not YAML: {error}", "Correct the syntax")
        _show([Finding(name, error.mark, problem)], notes)
    if len(documents) != 1:
        what = "no JobFlow" if not documents else f"{len(documents)} JobFlows"
        _refuse(f"{name}: {what} in this file, exactly one is needed", notes)
    value, own = documents[0].value, documents[0].problems
    del documents  # the way back to the text takes more memory than the flow, and seldom is wanted
    checked = check(value)
    problems = own + checked.problems
    if checked.flow is None or problems:
        document = _flows(text)[0]
        found = [Finding(name, document.locate(problem.path), problem) for problem in problems]
        _show(sorted(found, key=_mark), notes)
    return Read(value, checked.flow)


def _flows(text: str) -> list[Document]:
    return [document for document in load(text) if is_flow(document.value)]


def compile_flow(
    flow: JobFlow, parameters: Sequence[str], *, uid: str, suffix: str, now: Instant
) -> CompiledFlow:
    """Return the flow ready to run, with `NAME=VALUE` parameters.

    `suffix` completes a generateName. Raises `typer.BadParameter` for a parameter that is unknown.
    """
    metadata = flow.metadata
    compiled = replace(
        CompiledFlow.compile(flow, created=now),
        name=metadata.name or metadata.generate_name + suffix,
        namespace=metadata.namespace or "default",
        uid=uid,
    )
    values = split_parameters(parameters)
    try:
        check_parameters(compiled, values)
    except UnknownParameterError as error:
        raise typer.BadParameter(str(error)) from None
    own = {name: value for name, value in values.items() if name in compiled.parameters}
    return replace(compiled, parameters={**compiled.parameters, **own})


def split_parameters(parameters: Sequence[str]) -> dict[str, str]:
    """`NAME=VALUE` texts by name; raises `typer.BadParameter`."""
    values = {}
    for given in parameters:
        name, equals, value = given.partition("=")
        if not equals or not name:
            # Not the text itself: somebody may have forgotten the name in front of a secret.
            raise typer.BadParameter("--param needs NAME=VALUE")
        values[name] = value
    return values


def _mark(finding: Finding) -> Mark:
    return finding.mark


def _refuse(words: str, notes: Console) -> NoReturn:
    notes.print(Text(words, "red"))
    raise typer.Exit(UNREADABLE)


def _show(findings: Sequence[Finding], notes: Console) -> NoReturn:
    for finding in findings:
        notes.print(finding.text())
    raise typer.Exit(FAILED)
