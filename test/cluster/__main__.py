"""Entry point of `python3 test/cluster` (a folder run as a script) and of `python3 -m cluster`."""

import sys
from pathlib import Path

if not __package__:
    # A folder run as a script puts itself on the path, not its parent: the package would be unknown
    # under its name, and its modules importable under names such as `check` and `node`.
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from cluster.cli import main

sys.exit(main())
