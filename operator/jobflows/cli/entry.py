"""What `jobflow` and `kubectl jobflow` start.

`jobflow map` runs in other people's images, where only the standard library may be there, and in
front of work that may be short. So it is told from the others before anything is imported.
"""

import sys


def main() -> None:
    """Run the command that the command line names."""
    if sys.argv[1:2] == ["map"]:
        from jobflows.cli.map.command import main as run_map  # noqa: PLC0415 - see above

        sys.exit(run_map(sys.argv[2:]))
    from jobflows.cli.main import app  # noqa: PLC0415

    app()
