"""The commands: `build`, `images`, `up`, `status`, `check`, `down`.

Exit codes: 0 done, 1 failed (for `status`: not up), 3 this machine cannot, with the reason.
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence

from cluster import binaries, check, lifecycle, own_images
from cluster.errors import ClusterError
from cluster.record import Record


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = options.run
    try:
        return command(options)
    except ClusterError as error:
        print(error, file=sys.stderr)
        return error.exit_code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python3 test/cluster", description="A real Kubernetes cluster for tests."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    parsers: dict[str, argparse.ArgumentParser] = {}
    for name, (run, text) in _COMMANDS.items():
        parsers[name] = commands.add_parser(name, help=text, description=text)
        parsers[name].set_defaults(run=run)
    for name in ("build", "up"):
        parsers[name].add_argument("--mode", choices=("sim", "real"), default="sim")
    for name in ("up", "status", "check", "down"):
        parsers[name].add_argument("--name", default="dev", help="which cluster (default: dev)")
    for name in ("up", "status"):
        parsers[name].add_argument("-o", dest="output", choices=("text", "json"), default="text")
    parsers["up"].add_argument(
        "--audit", action=argparse.BooleanOptionalAction, default=True, help="log every API call"
    )
    parsers["up"].add_argument(
        "--with-python", action="store_true", help="real mode: also serve python:3.11-slim"
    )
    return parser


def _build(options: argparse.Namespace) -> int:
    for name, path in binaries.ensure(binaries.for_mode(options.mode)).items():
        print(f"{name}: {path}")
    return 0


def _images(options: argparse.Namespace) -> int:
    del options
    print(f"{own_images.OPERATOR}: {own_images.ensure('operator') / 1e6:.1f} MB unpacked")
    print(f"{own_images.RUNTIME}: {own_images.ensure('runtime') / 1e6:.1f} MB unpacked")
    return 0


def _up(options: argparse.Namespace) -> int:
    started = time.monotonic()
    record = lifecycle.up(options.name, options.mode, options.audit, options.with_python)
    print(f"up in {time.monotonic() - started:.1f} s", file=sys.stderr)
    _show(record, options)
    return 0


def _status(options: argparse.Namespace) -> int:
    record = lifecycle.status(options.name)
    if record is None:
        print(f"cluster {options.name} is not up", file=sys.stderr)
        return 1
    _show(record, options)
    return 0


def _check(options: argparse.Namespace) -> int:
    record = lifecycle.status(options.name)
    if record is None:
        raise ClusterError(f"cluster {options.name} is not up")
    print(check.run_job(record))
    return 0


def _down(options: argparse.Namespace) -> int:
    was = lifecycle.down(options.name)
    print(f"cluster {options.name} is down" if was else f"cluster {options.name} was not up")
    return 0


def _show(record: Record, options: argparse.Namespace) -> None:
    print(record.to_json() if options.output == "json" else record.to_text())


_COMMANDS: dict[str, tuple[Callable[[argparse.Namespace], int], str]] = {
    "build": (_build, "build the programs, and start nothing"),
    "images": (_images, "make the images of JobFlow itself, and say how large they are"),
    "up": (_up, "start a cluster, or find it running"),
    "status": (_status, "tell whether a cluster is up"),
    "check": (_check, "run a Job on a cluster that is up"),
    "down": (_down, "end a cluster and remove its state"),
}
