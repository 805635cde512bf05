"""The words of `jobflow map`: its options, their meaning, and what may not go together."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import NoReturn

from jobflows.chunking.options import CLAIM_SECONDS, Options
from jobflows.cli.map.refusal import Refused

SUMMARY = "Run a Python function over many items, on all cores of this machine or pod."

DESCRIPTION = f"""{SUMMARY}

FUNCTION is package.module:function; the current directory is searched first, as with python -m.
It gets one item and returns what JSON can hold.

Results are one JSON line an item, in the order of the items: {{"index": 0, "result": …}}, or
{{"index": 0, "error": {{…}}}}. The file has its name only when it is whole.

With --checkpoint, what is done is kept in a log, and a run that is started again does the rest.

Exit code: 0 all items done, 1 items failed or a file could not be written, 2 wrong usage, 130 or
143 halted by SIGINT or SIGTERM."""

EXAMPLES = """Examples:

  jobflow map mandelbrot:row --items rows.jsonl --out image.jsonl

  jobflow map words:count --items 'books/*.txt' --out counts.jsonl --checkpoint state

  zcat events.jsonl.gz | jobflow map pkg.clean:event --items - --out - | gzip > clean.jsonl.gz
"""


STREAM_WINDOW = 10_000
"""Items of a stream that are in memory at most: read, worked on, or waiting for those before."""


class Parser(argparse.ArgumentParser):
    """Refuses as the other commands do."""

    def error(self, message: str) -> NoReturn:
        raise Refused(message)


def parser() -> Parser:
    """All options."""
    made = Parser(
        prog="jobflow map",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    made.add_argument("function", metavar="FUNCTION", help="package.module:function.")
    made.add_argument(
        "--items",
        required=True,
        metavar="ITEMS",
        help="FILE.jsonl, FILE.json, FILE.csv, FILE.tsv, FILE.txt; a quoted pattern such as "
        "'data/*.png', whose items are the paths; - for JSON lines from standard input; env:NAME "
        "for the block that a map step hands over in a variable.",
    )
    made.add_argument(
        "--out", required=True, metavar="FILE", help="Where the results go; - is standard output."
    )
    made.add_argument(
        "--workers",
        default="auto",
        metavar="auto|N",
        help="Workers at most. auto: as many as cores, CPU quota and memory allow.",
    )
    made.add_argument(
        "--checkpoint",
        metavar="DIR",
        help="Keep what is done in this directory, and go on from what is there.",
    )
    made.add_argument(
        "--errors",
        choices=("return", "raise"),
        default="return",
        help="return: a failed item has its error as its result, the others go on; raise: the "
        "first failed item ends the run.",
    )
    made.add_argument(
        "--accept-failures",
        action="store_true",
        help="Exit with 0 although items have failed; the summary counts them.",
    )
    made.add_argument(
        "--timeout", type=float, metavar="SECONDS", help="Time for one item, then it has failed."
    )
    made.add_argument(
        "--slice",
        default=":",
        metavar="START:STOP",
        help="Only these items, from 0, STOP not included. Indices in the results are those of "
        "all items.",
    )
    made.add_argument(
        "--executor",
        choices=("auto", "process", "thread", "serial"),
        default="auto",
        help="What the workers are.",
    )
    made.add_argument(
        "--target-chunk-seconds",
        type=float,
        default=CLAIM_SECONDS,
        metavar="SECONDS",
        help="Work that a worker takes at a time.",
    )
    made.add_argument(
        "--progress",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="On a terminal a bar, elsewhere a JSON line every five seconds; on standard error.",
    )
    made.add_argument(
        "--output",
        "-o",
        choices=("table", "json"),
        default="table",
        help="How the summary is printed: table on standard error, json on standard output.",
    )
    return made


def parse(words: Sequence[str]) -> argparse.Namespace:
    """The options of a command line; raises `Refused`."""
    given, more = parser().parse_known_args(words)
    if more:
        hint = "" if more[0].startswith("-") else "; quote the pattern after --items"
        raise Refused(f"unknown: {' '.join(more[:3])}{hint}")
    if given.out == "-" and given.output == "json":
        raise Refused("--out - and -o json: both go to standard output; give --out a file")
    if given.accept_failures and given.errors == "raise":
        raise Refused("--accept-failures: --errors raise ends at the first one; leave one out")
    if given.items == "-" and given.checkpoint is not None:
        raise Refused(
            "--checkpoint cannot tell whether standard input is the same again; save the items "
            "in a file and name it with --items"
        )
    return given


def run_options(given: argparse.Namespace) -> Options:
    """What the run is asked; raises `Refused`."""
    workers = None
    if given.workers != "auto":
        if not (given.workers.isascii() and given.workers.isdigit() and int(given.workers)):
            raise Refused(f"--workers {given.workers}: give a whole number of at least 1, or auto")
        workers = int(given.workers)
    try:
        return Options(
            workers=workers,
            executor=given.executor,
            errors="return",  # the first failed item must not take the others' results with it
            timeout=given.timeout,
            claim_seconds=given.target_chunk_seconds,
            window=STREAM_WINDOW if given.items == "-" else None,
            isolate=given.executor in ("auto", "process"),
        )
    except ValueError as error:
        name, _, rest = str(error).partition(" ")
        flag = {"claim_seconds": "target-chunk-seconds"}.get(name, name.replace("_", "-"))
        raise Refused(f"--{flag} {rest}") from None
