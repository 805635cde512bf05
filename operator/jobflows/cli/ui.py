"""`jobflow ui`: the runs of this machine, or an archive, in a browser."""

import sys
import threading
import webbrowser
from typing import Annotated, NoReturn

import typer

PORT = 8765


def ui(
    *,
    port: Annotated[
        int, typer.Option(min=0, max=65535, metavar="N", help="Where it listens; 0 is any.")
    ] = PORT,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Print the address, open nothing.")
    ] = False,
    database: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Another archive than this machine's, for reading: sqlite:////path/archive.db or "
            "postgresql://user:password@host/db.",
        ),
    ] = None,
    steer: Annotated[
        bool,
        typer.Option(
            "--steer", help="Let pages approve, pause, stop and limit runs of this machine."
        ),
    ] = False,
) -> None:
    """Show runs in a browser: graphs, times, errors, what they used.

    It listens on this machine only, and answers only who has the token of the address that it
    prints. Without --steer it is for reading. Ctrl-C ends it.

    Exit code: 0 ended, 2 wrong usage, or the archive or the port cannot be had.

    Examples:

      jobflow ui

      jobflow ui --port 0 --no-browser

      jobflow ui --database sqlite:////backup/archive.db
    """
    if steer and database:
        _refused("--steer is for runs of this machine; leave out --database")
    try:
        from jobflows.archive import ArchiveError  # noqa: PLC0415 - an extra
        from jobflows.local import LocalRunError  # noqa: PLC0415 - imported when it is used
        from jobflows.web.on_this_machine import opened  # noqa: PLC0415 - an extra
        from jobflows.web.serving import PortError, bound, serve  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        _refused(f"{error.name} is missing; install what pages need: pip install 'jobflows[web]'")
    try:
        listening = bound("127.0.0.1", port)
        with opened(database, steer=steer) as (app, token):
            address = f"http://127.0.0.1:{listening.getsockname()[1]}/?token={token}"

            def started() -> None:
                print(f"{address}\nCtrl-C ends it.", flush=True)
                if not no_browser:
                    threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()

            serve(app, listening, started=started)
    except (ArchiveError, LocalRunError, PortError) as error:
        _refused(str(error))


def _refused(words: str) -> NoReturn:
    print(f"jobflow ui: {words}", file=sys.stderr)
    raise typer.Exit(2)
