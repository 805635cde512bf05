"""Load on an operator, or on another controller: `cd test && python -m load run --help`.

run       flows of one shape, arriving at a rate; figures as a table or JSON
scenario  one of the scenarios of docs/benchmarks/load.md, with its result as JSON
check     `make test-load`: a profile held against rangespec.yaml
page      docs/benchmarks/load.md and its plots from the results
"""

from __future__ import annotations

import sys

from load.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
