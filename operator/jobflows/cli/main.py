"""`jobflow`, and `kubectl jobflow`: the commands and what they share.

Exit codes of every command: 0 done, 1 the flow failed, has problems or is not there, 2 wrong usage
or a file that cannot be read, 3 the cluster cannot be reached or does not allow it, 130
interrupted.
"""

from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from jobflows.cli.commands import COMMANDS


class _Map(TyperCommand):
    """`jobflow map` reads its own words, because it has to work without this library, too."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        ctx.args = list(args)
        return []

    def invoke(self, ctx: Any) -> Any:
        raise typer.Exit(COMMANDS["map"].load()(ctx.args))


class _Commands(TyperGroup):
    """Shows commands by their summaries, and imports the one that is called."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for command in COMMANDS.values():
            kind = _Map if command.name == "map" else TyperCommand
            shown = kind(command.name, help=command.summary, rich_help_panel=command.panel)
            self.add_command(shown)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[Any, Any, list[str]]:
        name, found, rest = super().resolve_command(ctx, args)
        return name, load(name) if isinstance(name, str) else found, rest


def load(name: str) -> TyperCommand:
    """Import a command, with its options."""
    command = COMMANDS[name]
    if name == "map":
        return _Map(name, help=command.summary)
    single = typer.Typer(add_completion=False)
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
    pretty_exceptions_show_locals=False,  # locals may hold secrets
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if not wanted:
        return
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
