"""`jobflow`, and `kubectl jobflow`: the commands and what they share.

Exit codes of every command: 0 done, 1 the flow failed, has problems or is not there, 2 wrong usage
or a file that cannot be read, 3 the cluster cannot be reached or does not allow it, 130
interrupted.

Help and completion are asked for by people who wait, so neither imports what a command needs, and
help is plain text: with boxes drawn by rich it would take twice as long.
"""

import os
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from jobflows.cli.commands import COMMANDS

COMPLETE = "_JOBFLOW_COMPLETE"
"""The variable by which a shell asks for completions."""

BARE = ("map", "call")
"""Commands that have to work without this library, too, and so read their own words."""


class _Bare(TyperCommand):
    """One of `BARE`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        ctx.args = list(args)
        return []

    def invoke(self, ctx: Any) -> Any:
        raise typer.Exit(COMMANDS[str(self.name)].load()(ctx.args))


class _Commands(TyperGroup):
    """Shows commands by their summaries, and imports the one that is called.

    `resolve_command` is also what completion calls for the options and names of a command.
    """

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for command in COMMANDS.values():
            kind = _Bare if command.name in BARE else TyperCommand
            shown = kind(command.name, help=command.summary, rich_help_panel=command.panel)
            self.add_command(shown)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        del ctx
        widest = max(map(len, COMMANDS))
        for panel in dict.fromkeys(command.panel for command in COMMANDS.values()):
            shown = [each for each in COMMANDS.values() if each.panel == panel]
            with formatter.section(panel):
                formatter.write_dl([(each.name.ljust(widest), each.summary) for each in shown])

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[Any, Any, list[str]]:
        name, found, rest = super().resolve_command(ctx, args)
        return name, load(name) if isinstance(name, str) else found, rest


def load(name: str) -> TyperCommand:
    """Import a command, with its options."""
    command = COMMANDS[name]
    if name in BARE:
        return _Bare(name, help=command.summary)
    single = typer.Typer(add_completion=False, rich_markup_mode=None)
    single.command(name, rich_help_panel=command.panel)(command.load())
    made = typer.main.get_command(single)
    assert isinstance(made, TyperCommand)
    return made


app = typer.Typer(
    name="jobflow",
    cls=_Commands,
    help="Batch workflows as DAGs of Jobs, on a cluster or on this machine.",
    epilog="Exit codes: 0 done, 1 the flow failed, has problems or is not there, 2 wrong usage, "
    "3 the cluster cannot be reached or does not allow it, 130 interrupted.",
    no_args_is_help=True,
    add_completion=False,  # `jobflow completion` prints the script
    rich_markup_mode=None,
    pretty_exceptions_show_locals=False,  # locals may hold secrets
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if not wanted:
        return
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415 - 30 ms

    try:
        number = version("jobflows")
    except PackageNotFoundError:  # a checkout that is not installed
        number = "unknown"
    typer.echo(f"jobflow {number}")
    raise typer.Exit


@app.callback()
def main(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Batch workflows as DAGs of Jobs, on a cluster or on this machine."""


def start(program: str) -> None:
    """Run the command that the command line names, or answer a shell that completes it.

    `program` is what people have typed to get here.
    """
    if COMPLETE in os.environ:
        # The public way to get this adds two options that `jobflow completion` makes needless.
        from typer._completion_classes import completion_init  # noqa: PLC0415

        completion_init()
    app(prog_name=program, complete_var=COMPLETE)
