"""Runs a session in front of a person: progress, signals, questions, and how it ended.

`jobflow run` and `jobflow resume` of a run on this machine end here.
"""

import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

import typer
from rich.console import Console
from rich.text import Text

from jobflows.cli.approval import Approvals
from jobflows.cli.connection import Output
from jobflows.cli.flowfile import UNREADABLE
from jobflows.cli.progress import Lines, LiveTable, Progress, Silent
from jobflows.cli.summary import describe_run, print_logs, print_outcome, print_steps
from jobflows.cli.tables import console, print_document
from jobflows.engine import FlowPhase, Ledger, Plan, Reason, StepPhase
from jobflows.local import (
    Approver,
    ExecutorError,
    LocalRunError,
    NothingToResumeError,
    Observer,
    Outcome,
    ResumeRefusedError,
    Session,
    UnavailableError,
    UnknownParameterError,
    signals_stop,
)

SUCCEEDED, FAILED, INTERRUPTED = 0, 1, 130

Begin = Callable[[Approver, Observer], Session]
"""Makes the session; may raise what `jobflows.local` raises."""


def notes_console() -> Console:
    """Where progress and trouble are shown: never among the results."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


async def conduct(
    begin: Begin,
    *,
    approve: Sequence[str] = (),
    wait: bool = False,
    quiet: bool = False,
    output: Output = Output.TABLE,
) -> NoReturn:
    """Begin a run, show it, and end the program with its exit code."""
    notes = notes_console()
    shown: list[Progress] = []

    def observe(plan: Plan, before: Ledger) -> None:
        for progress in shown:
            progress.observe(plan, before)

    may_ask = sys.stdin.isatty() and notes.is_terminal
    approvals = Approvals(approve, Silent(notes), may_ask=may_ask, may_wait=wait)
    session = _begin(begin, approvals, observe, notes)
    progress = _progress(session, notes, quiet=quiet)
    approvals.begins(session.name, progress)
    shown.append(progress)
    if session.flow.suspend and session.ledger.started is None:
        progress.say(f"spec.suspend is true: `jobflow unpause {session.name}` lets it begin")
    with signals_stop(session, progress.say), progress:
        outcome = await session.run()
    if outcome.problem:
        progress.say(f"the end of the run could not be written: {outcome.problem}")
    if outcome.unarchived:
        progress.say(f"the run is not in the archive yet: {outcome.unarchived}")
    if output is Output.TABLE:
        _print(outcome, approvals, notes, quiet=quiet)
    else:
        print_document(describe_run(outcome), as_json=output is Output.JSON)
    raise typer.Exit(_exit_code(outcome.ledger))


def _begin(begin: Begin, approvals: Approvals, observe: Observer, notes: Console) -> Session:
    try:
        return begin(approvals, observe)
    except (ExecutorError, UnknownParameterError) as error:
        raise typer.BadParameter(str(error)) from None
    except NothingToResumeError:
        raise
    except ResumeRefusedError as error:
        refuse(notes, error, FAILED)
    except (LocalRunError, UnavailableError) as error:
        refuse(notes, error, UNREADABLE)


def refuse(notes: Console, error: Exception, code: int) -> NoReturn:
    """Say why not, and end."""
    notes.print(Text(str(error), "red"))
    raise typer.Exit(code)


def _progress(session: Session, notes: Console, *, quiet: bool) -> Progress:
    if quiet:
        return Silent(notes)
    return (LiveTable if notes.is_terminal else Lines)(notes, session.flow, session.clock)


def _print(outcome: Outcome, approvals: Approvals, notes: Console, *, quiet: bool) -> None:
    """The steps, the logs of what failed, how to go on, and in the end the outcome."""
    out = console()
    if not quiet:
        print_steps(out, outcome.flow, outcome.ledger, approvals.reasons)
        print_logs(out, outcome.flow, outcome.ledger, outcome.workdir)
        _advise(outcome, notes)
    print_outcome(out, outcome.ledger, outcome.workdir)


def _advise(outcome: Outcome, notes: Console) -> None:
    """Say how to go on with a run that did not succeed."""
    if outcome.succeeded:
        return
    kept = sum(record.phase is StepPhase.SUCCEEDED for record in outcome.ledger.steps)
    words = f"`jobflow resume {outcome.name}` runs again what did not succeed"
    results = "1 step keeps its result" if kept == 1 else f"{kept} steps keep their results"
    notes.print(Text(f"{words}; {results}" if kept else words, "dim"))


def _exit_code(ledger: Ledger) -> int:
    if ledger.reason in (Reason.STOPPED, Reason.TERMINATED):
        return INTERRUPTED
    return SUCCEEDED if ledger.phase is FlowPhase.SUCCEEDED else FAILED
