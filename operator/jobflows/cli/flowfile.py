"""From what a person names on the command line to a flow that is ready to run.

A file goes through the same validator as everywhere; its problems are printed as `lint` prints
them. Parameters given beside it are checked against what the flow knows.
"""

import difflib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import typer
from rich.console import Console
from rich.text import Text

from jobflows.api.model import JobFlow
from jobflows.api.source import Document, Mark, SourceError, load
from jobflows.api.validation import Problem, check
from jobflows.api.validation.problems import listed
from jobflows.cli.lint import Finding, is_flow
from jobflows.engine import CompiledFlow, Instant
from jobflows.local import referenced_keys

FAILED, UNREADABLE = 1, 2


def read_flow(file: str, notes: Console) -> JobFlow:
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
        documents = [document for document in load(text) if is_flow(document.value)]
    except SourceError as error:
        problem = Problem((), f"not YAML: {error}", "Correct the syntax")
        _show([Finding(name, error.mark, problem)], notes)
    if len(documents) != 1:
        found = "no JobFlow" if not documents else f"{len(documents)} JobFlows"
        _refuse(f"{name}: {found} in this file, exactly one is needed", notes)
    return _checked(name, documents[0], notes)


def compile_flow(
    flow: JobFlow, parameters: Sequence[str], *, uid: str, suffix: str, now: Instant
) -> tuple[CompiledFlow, Mapping[str, str]]:
    """Return the flow ready to run, and the `NAME=VALUE` parameters by name.

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
    known = {*compiled.parameters, *referenced_keys(compiled)}
    for name in values:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            has = f"it has {listed(sorted(known))}" if known else "it has none"
            raise typer.BadParameter(f"the flow has no parameter '{name}', {has}{hint}")
    own = {name: value for name, value in values.items() if name in compiled.parameters}
    return replace(compiled, parameters={**compiled.parameters, **own}), values


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


def _checked(name: str, document: Document, notes: Console) -> JobFlow:
    checked = check(document.value)
    problems = document.problems + checked.problems
    if checked.flow is None or problems:
        found = [Finding(name, document.locate(problem.path), problem) for problem in problems]
        _show(sorted(found, key=_mark), notes)
    return checked.flow


def _mark(finding: Finding) -> Mark:
    return finding.mark


def _refuse(words: str, notes: Console) -> NoReturn:
    notes.print(Text(words, "red"))
    raise typer.Exit(UNREADABLE)


def _show(findings: Sequence[Finding], notes: Console) -> NoReturn:
    for finding in findings:
        notes.print(finding.text())
    raise typer.Exit(FAILED)
