"""`jobflow lint`: the validator on files, with line numbers.

The same checks as in the admission webhook and the controller, so a file that passes here is
accepted there. Findings go to standard output, one a line, as compilers print them; notes about
what was not checked go to standard error. Warnings are findings that refuse nothing: they leave the
exit code alone, and are looked for in flows without problems only.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from jobflows.api.model import GROUP, KIND
from jobflows.api.source import Document, Mark, SourceError, load
from jobflows.api.validation import Problem, advise, check
from jobflows.cli.documents import to_json, to_yaml

CLEAN, PROBLEMS, UNREADABLE = 0, 1, 2


class Format(StrEnum):
    """How findings are printed."""

    TABLE = "table"
    TEXT = "text"
    JSON = "json"
    YAML = "yaml"


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem at a place in a file."""

    file: str
    mark: Mark
    problem: Problem

    def record(self) -> dict[str, Any]:
        """Return the finding for `-o json`."""
        return {
            "file": self.file,
            "line": self.mark.line,
            "column": self.mark.column,
            "path": self.problem.dotted,
            "message": self.problem.message,
            "cure": self.problem.cure,
            "severity": self.problem.severity,
        }

    def text(self) -> Text:
        """Return the finding as one line, styled for a terminal."""
        place = f"{self.file}:{self.mark.line}:{self.mark.column}: "
        where = f"{self.problem.dotted}: " if self.problem.path else ""
        warns = self.problem.severity == "warning"
        return Text.assemble(
            (place, "bold"),
            ("warning: " if warns else "", "yellow"),
            (where, "cyan"),
            (f"{self.problem.message}. ", "yellow" if warns else "red"),
            self.problem.cure,
        )


def lint(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE...", help="Files to check; - is standard input.")
    ],
    output: Annotated[
        Format,
        typer.Option("--output", "-o", help="table, text: a line a problem; json, yaml: a list."),
    ] = Format.TABLE,
) -> None:
    """Check JobFlows without a cluster: fields, graph, templates, conditions, parameters.

    Prints file:line:column, the field, what is wrong and what to do about it. Where nothing is
    wrong, warnings say what is unwise.

    Documents of other kinds are skipped.

    Exit code: 0 no problems or only warnings, 1 problems, 2 a file cannot be read.

    Examples:

      jobflow lint flow.yaml

      jobflow lint flows/*.yaml -o json

      helm template . | jobflow lint -
    """
    out = Console(highlight=False, soft_wrap=True)
    notes = Console(stderr=True, highlight=False, soft_wrap=True)
    findings: list[Finding] = []
    code = CLEAN
    flows = 0
    for file in files:
        name = "<stdin>" if file == "-" else file
        try:
            text = _read(file)
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            notes.print(Text(f"{name}: cannot be read: {reason}", "red"))
            code = UNREADABLE
            continue
        try:
            documents = load(text)
        except SourceError as error:
            problem = Problem((), f"not YAML: {error}", "Correct the syntax")
            findings.append(Finding(name, error.mark, problem))
            continue
        for document in documents:
            if not is_flow(document.value):
                line = document.locate(()).line
                notes.print(Text(f"{name}:{line}: {_described(document.value)} skipped", "dim"))
                continue
            flows += 1
            findings.extend(_findings(name, document))
    if output in (Format.JSON, Format.YAML):
        records = [finding.record() for finding in findings]
        sys.stdout.write(to_json(records) if output is Format.JSON else to_yaml(records))
    else:
        for finding in findings:
            out.print(finding.text())
    problems = sum(finding.problem.severity == "error" for finding in findings)
    notes.print(Text(_summary(flows, problems, len(findings) - problems), "dim"))
    raise typer.Exit(code or (PROBLEMS if problems else CLEAN))


def is_flow(value: Any) -> bool:
    """Whether a document wants to be a JobFlow, if only by its group or its kind.

    Kind JobFlow of another group is Volcano's, which is none of ours.
    """
    if not isinstance(value, dict):
        return True  # nothing that kubectl would take; the validator says so
    version, kind = value.get("apiVersion"), value.get("kind")
    group = version.partition("/")[0] if isinstance(version, str) and "/" in version else None
    return group == GROUP or (kind == KIND and group is None) or ("steps" in value and not kind)


def _findings(name: str, document: Document) -> Iterator[Finding]:
    checked = check(document.value)
    problems = document.problems + checked.problems
    if checked.flow is not None and not problems:
        problems = advise(checked.flow)
    found = [Finding(name, document.locate(problem.path), problem) for problem in problems]
    yield from sorted(found, key=lambda finding: finding.mark)


def _read(file: str) -> str:
    data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    return data.decode("utf-8-sig")


def _described(value: dict[str, Any]) -> str:
    kind = value.get("kind") or "a document without kind"
    metadata = value.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    return f"{kind} '{name}'" if name else f"{kind}"


def _summary(flows: int, problems: int, warnings: int) -> str:
    checked = "no JobFlow found" if flows == 0 else f"{flows} flow{'s' * (flows != 1)} checked"
    told = f"{checked}, {problems or 'no'} problem{'s' * (problems != 1)}"
    return f"{told}, {warnings} warning{'s' * (warnings != 1)}" if warnings else told
