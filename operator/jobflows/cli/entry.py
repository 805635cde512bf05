"""What `jobflow` and `kubectl jobflow` start.

`jobflow map` and `jobflow call` run in other people's images, where only the standard library may
be there, and in front of work that may be short. So they are told from the others before anything
is imported.
"""

import sys
from os.path import basename


def main() -> None:
    """Run the command that the command line names."""
    if sys.argv[1:2] == ["map"]:
        from jobflows.cli.map.command import main as run_map  # noqa: PLC0415 - see above

        sys.exit(run_map(sys.argv[2:]))
    if sys.argv[1:2] == ["call"]:
        from jobflows.cli.call import main as call  # noqa: PLC0415 - see above

        sys.exit(call(sys.argv[2:]))
    from jobflows.cli.main import start  # noqa: PLC0415 - see above

    plugin = basename(sys.argv[0]).startswith("kubectl-")
    start("kubectl jobflow" if plugin else "jobflow")
