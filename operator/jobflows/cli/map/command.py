"""`jobflow map` from its words to its exit code."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import FrameType

from jobflows.calling.function import see_current_directory
from jobflows.calling.message import leave_message
from jobflows.chunking.checkpoint.errors import FingerprintError, ResultLogError
from jobflows.chunking.checkpoint.fingerprint import function_key
from jobflows.chunking.checkpoint.log import ResultLog
from jobflows.chunking.run import MapRun
from jobflows.cli.map.function import JsonFunction
from jobflows.cli.map.items import Items, Stream, read_items, read_slice
from jobflows.cli.map.options import parse, run_options
from jobflows.cli.map.progress import Bar, Lines, Progress
from jobflows.cli.map.progress import write as say
from jobflows.cli.map.refusal import Refused, Unwritable
from jobflows.cli.map.results import ResultsFile, user_traceback
from jobflows.cli.map.summary import summarize, to_message, to_table
from jobflows.cli.map.work import Kept, Outcome, Streamed, perform, write_from

DONE, FAILED, REFUSED, OF_A_SIGNAL = 0, 1, 2, 128

END_SECONDS = 5.0
"""How long workers may take to hand over what they have, before the command goes without."""
END_HERE_SECONDS = 0.8
"""The same where items run in this process, so that nobody else can end them."""


class _Terminated(BaseException):
    """SIGTERM before or after the run."""


def main(words: Sequence[str]) -> int:
    """Run the command; returns its exit code."""
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        return _map(parse(words))
    except (Refused, FingerprintError) as error:
        return _refuse(error, REFUSED)
    except (Unwritable, ResultLogError) as error:
        return _refuse(error, FAILED)
    except KeyboardInterrupt:
        return OF_A_SIGNAL + signal.SIGINT
    except _Terminated:
        return OF_A_SIGNAL + signal.SIGTERM
    finally:
        signal.signal(signal.SIGTERM, before)


def _map(given: argparse.Namespace) -> int:
    options = run_options(given)
    start, stop = read_slice(given.slice)
    see_current_directory()
    function = JsonFunction(given.function)
    items = read_items(given.items, start, stop, fingerprint=given.checkpoint is not None)
    _refuse_to_overwrite(given.out, items)
    with ExitStack() as opened:
        log = None
        if given.checkpoint is not None:
            log = opened.enter_context(_open_log(given.checkpoint, function, items, stop))
        out = opened.enter_context(ResultsFile(given.out))
        run = MapRun(function, items.values, options, skip=frozenset(log.done) if log else ())
        outcome = perform(
            run,
            Streamed(out, items.first) if log is None else Kept(log),
            _progress(given),
            stop_at_failure=given.errors == "raise",
            stop_reading=items.values.end if isinstance(items.values, Stream) else lambda: None,
            patience=END_SECONDS if options.isolate else END_HERE_SECONDS,
        )
        if log is not None:
            log.flush()
            if outcome.whole:
                write_from(log, out, items.first)
        if outcome.whole:
            out.finish()
    code = _tell(given, outcome, items.first, out)
    if outcome.overdue:  # something of the run may still hold on to this process
        os._exit(code)
    return code


def _open_log(directory: str, function: JsonFunction, items: Items, stop: int | None) -> ResultLog:
    part = f"{items.first}:{'' if stop is None else stop}"
    name = "results.log" if part == "0:" else f"results-{part.replace(':', '-')}.log"
    key = function_key(function.function) | {
        "function": function.name,
        "items": items.fingerprint,
        "slice": part,
    }
    try:
        log = ResultLog.open(Path(directory, name), key)
    except ResultLogError as error:
        raise Refused(f"--checkpoint {directory}: {error}") from None
    for note in log.notes:
        say(f"jobflow map: {note}\n")
    return log


def _refuse_to_overwrite(out: str, items: Items) -> None:
    if out != "-" and os.path.exists(out):
        for path in items.files:
            if os.path.samefile(path, out):
                raise Refused(f"--out {out}: is one of the items' files; name another file")


def _progress(given: argparse.Namespace) -> Progress:
    if not given.progress:
        return Progress()
    return Bar() if sys.stderr.isatty() else Lines()


def _tell(given: argparse.Namespace, outcome: Outcome, first: int, out: ResultsFile) -> int:
    """Say how it ended, to people and to programs; returns the exit code."""
    failed = [(first + index, error) for index, error in outcome.failed]
    halted = outcome.signal.name if outcome.signal and not outcome.whole else ""
    summary = summarize(outcome.report, failed, halted)
    problem = leave_message(to_message(summary))
    if problem:
        say(f"jobflow map: {problem}\n")
    if given.output == "json":
        os.write(1, to_message(summary) + b"\n")
    else:
        say(to_table(summary))
    if outcome.first is not None:
        trace = user_traceback(outcome.first.details)
        number = first + outcome.first.index
        say(f"{trace}jobflow map: item {number} failed, which ends the run\n")
    if not outcome.whole:
        say(_what_is_left(given, out))
    if outcome.signal is not None and not outcome.whole:
        return OF_A_SIGNAL + outcome.signal
    return FAILED if outcome.report.failed and not given.accept_failures else DONE


def _what_is_left(given: argparse.Namespace, out: ResultsFile) -> str:
    if given.checkpoint is not None:
        return f"What is done is kept in {given.checkpoint}: run the same again to go on.\n"
    if given.out == "-":
        return ""
    return f"{out.path} is not written; the first results are in {out.unfinished}.\n"


def _refuse(error: Exception, code: int) -> int:
    leave_message(str(error).encode("utf-8", "backslashreplace")[:4096])
    say(f"jobflow map: {error}\n")
    return code


def _terminate(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise _Terminated
