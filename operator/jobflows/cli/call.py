"""`jobflow call`: one call of a Python function, with arguments from the command line.

What a task of a function runs, on a cluster and on one machine; it needs only the standard library.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from typing import Any

from jobflows.calling.arguments import read_arguments
from jobflows.calling.function import find_function, see_current_directory
from jobflows.calling.message import MOST_BYTES, leave_message
from jobflows.calling.refusal import Refused
from jobflows.cli.map.function import encode

SUMMARY = "Call a Python function once, with arguments from the command line."

HELP = f"""{SUMMARY}

usage: jobflow call FUNCTION [NAME=VALUE ...]

FUNCTION is package.module:function; the current directory is searched first, as with python -m.
Arguments of type str and Path are taken as they are, others as JSON.

What the function returns becomes the step's termination message if it is JSON of at most
{MOST_BYTES} bytes, so that outputs of the step can name what is in it.

Exit code: 0 done, 1 the function raised, 2 wrong usage, 137 out of memory.

Examples:

  jobflow call analysis:fit rate=0.1 region=north
"""

DONE, FAILED, REFUSED, OUT_OF_MEMORY = 0, 1, 2, 137


def main(words: Sequence[str]) -> int:
    """Run the command; returns its exit code."""
    if not words or words[0] in ("-h", "--help"):
        print(HELP, end="", file=sys.stdout if words else sys.stderr)
        return DONE if words else REFUSED
    try:
        see_current_directory()
        function = find_function(words[0])
        arguments = read_arguments(function, words[1:])
    except Refused as error:
        leave_message(str(error).encode("utf-8", "backslashreplace")[:MOST_BYTES])
        print(f"jobflow call: {error}", file=sys.stderr)
        return REFUSED
    try:
        result = function(**arguments)
    except MemoryError:
        traceback.print_exc()
        print("Killed: Python could get no more memory", file=sys.stderr)
        return OUT_OF_MEMORY
    except Exception as error:  # noqa: BLE001 - the user's function may raise anything
        _tell(error)
        return FAILED
    _keep(result)
    return DONE


def _tell(error: Exception) -> None:
    """The traceback from the function on, and its last line as the termination message."""
    below = error.__traceback__.tb_next if error.__traceback__ is not None else None
    sys.stderr.write("".join(traceback.format_exception(type(error), error, below)))
    said = "".join(traceback.format_exception_only(error)).strip()
    leave_message(said.encode("utf-8", "backslashreplace")[-MOST_BYTES:])


def _keep(result: Any) -> None:
    """Leave the result where outputs of the step are read; a program may return what it likes."""
    if result is None:
        return
    try:
        message = encode(result).encode()
    except (TypeError, ValueError) as error:
        print(f"jobflow call: no outputs can be read of this: {error}", file=sys.stderr)
        return
    if len(message) > MOST_BYTES:
        words = f"the result is longer than {MOST_BYTES} bytes: return a short one, and write files"
        print(f"jobflow call: no outputs can be read of this: {words}", file=sys.stderr)
        return
    problem = leave_message(message)
    if problem:
        print(f"jobflow call: {problem}", file=sys.stderr)
