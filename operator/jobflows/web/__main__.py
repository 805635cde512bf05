"""`jobflow-web`: the pages over an archive for many people, for a Deployment.

It has no rights on a cluster and asks for none. Who may open it is for whatever stands in front of
it, or for a token; or readers sign in (`--login`) with tokens of their own, see what they may see
on the cluster, and with `--actions` change what they may change there.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from jobflows.api.validation.problems import presentable
from jobflows.archive import Archive, ArchiveError
from jobflows.cluster.login import Connection, LoginError, connect
from jobflows.cluster.tls import tls_context
from jobflows.web.application import application
from jobflows.web.login.api_server import ApiServer
from jobflows.web.login.gate import Login
from jobflows.web.login.orders import ClusterOrders
from jobflows.web.serving import PortError, bound, serve
from jobflows.web.site import Site

DATABASE = "JOBFLOW_ARCHIVE"
"""The variable with the address of the archive: a command line would show its password."""

PORT = 8080

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_show_locals=False)


@app.command()
def web(
    *,
    database: Annotated[
        str,
        typer.Option(
            metavar="URL",
            envvar=DATABASE,
            show_envvar=True,
            help="The archive: sqlite:////path/archive.db or postgresql://user:password@host/db.",
        ),
    ],
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="Where to listen.")] = "0.0.0.0",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 is any.")] = PORT,
    token_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A token; who does not send it is not answered."),
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Answer to this host name only; may be repeated."),
    ] = None,
    login: Annotated[
        bool,
        typer.Option(
            "--login",
            help="Readers sign in with a token of the cluster, and see what they may see there.",
        ),
    ] = False,
    actions: Annotated[
        bool,
        typer.Option(
            "--actions", help="With --login: flows can be approved, paused, stopped and resumed."
        ),
    ] = False,
    origin: Annotated[
        str, typer.Option(metavar="NAME", help="With --login: the cluster's name in the archive.")
    ] = "cluster",
    api_server: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="With --login: where the API server is. Default: that of the kubeconfig.",
        ),
    ] = None,
    api_server_ca: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Certificate authority of --api-server, as PEM."),
    ] = None,
) -> None:
    """Serve the pages and the REST API over an archive."""
    if actions and not login:
        _end("--actions needs --login: what is changed is changed with the rights of who signed in")
    if login and token_file:
        _end("--login and --token-file exclude each other: who signs in has a token of their own")
    try:
        token = token_file.read_text(encoding="utf-8").strip() if token_file else ""
    except OSError as error:
        _end(f"--token-file {token_file}: cannot be read: {error.strerror}")
    except ValueError:
        _end(f"--token-file {token_file}: is not UTF-8 text; make one: openssl rand -hex 32")
    if token_file and not token:
        _end(f"--token-file {token_file}: is empty; put a token into it: openssl rand -hex 32")
    hosts = frozenset(name.lower() for name in allow_host) if allow_host else None
    signing_in = _login(api_server, api_server_ca, origin) if login else None
    try:
        archive = Archive.open(database)
        listening = bound(host, port)
    except ArchiveError as error:
        _end(f"--database: {error}")
    except PortError as error:
        _end(str(error))
    with archive:
        orders = ClusterOrders(signing_in) if signing_in is not None and actions else None
        site = Site(archive, login=signing_in, orders=orders)
        made = application(site, token=token, hosts=hosts)
        at = listening.getsockname()[1]
        serve(made, listening, started=lambda: print(f"listening on port {at}", flush=True))


def _login(server: str | None, authority: Path | None, origin: str) -> Login:
    try:
        if server is None:
            connection = connect()
        else:
            connection = Connection(server=server, ca_file=str(authority) if authority else None)
        tls_context(connection)
    except LoginError as error:
        _end(f"--login: {error}; or name it with --api-server")
    return Login(ApiServer(connection), origin)


def _end(words: str) -> NoReturn:
    print(f"jobflow-web: {presentable(words)}", file=sys.stderr)
    raise typer.Exit(2)


def main() -> None:
    """The program."""
    os.umask(0o077)
    app()


if __name__ == "__main__":
    main()
