"""`jobflow completion`, and completion of `kubectl jobflow`: what may come next on the line.

A shell asks through a variable that typer reads; kubectl starts `kubectl_complete-jobflow` with the
words and reads a line for each proposal. Both come to the same answers.
"""

import os
import shlex
import sys
from contextlib import redirect_stdout
from enum import StrEnum
from io import StringIO
from typing import Annotated

import typer
from typer._completion_shared import get_completion_script

from jobflows.cli.main import COMPLETE, start

NO_FILES, ANYTHING = 4, 0
"""What kubectl does besides: propose no files, or what the shell likes."""


class Shell(StrEnum):
    """Shells that can complete."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def completion(
    shell: Annotated[Shell, typer.Argument(metavar="bash|zsh|fish", help="Your shell.")],
) -> None:
    """Print a script that completes commands, options, and names of flows and steps.

    kubectl jobflow is completed by kubectl's own script, which finds kubectl_complete-jobflow.

    Exit code: 0 printed, 2 wrong usage.

    Examples:

      source <(jobflow completion bash)

      jobflow completion zsh > ~/.zfunc/_jobflow

      jobflow completion fish > ~/.config/fish/completions/jobflow.fish
    """
    script = get_completion_script(prog_name="jobflow", complete_var=COMPLETE, shell=shell)
    typer.echo(script)


def kubectl() -> None:
    """Answer kubectl: a line for each proposal, then what else it may propose."""
    words = shlex.join(["jobflow", *sys.argv[1:]])
    os.environ |= {
        COMPLETE: "complete_fish",
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        "_TYPER_COMPLETE_ARGS": words,
    }
    found = StringIO()
    try:
        with redirect_stdout(found):
            start("jobflow")
    except SystemExit:
        proposals = found.getvalue().strip()
        sys.stdout.write(f"{proposals}\n" if proposals else "")
        sys.stdout.write(f":{NO_FILES if proposals else ANYTHING}\n")
