"""Known vulnerabilities of the locked packages: `make audit`.

pip-audit asks a service on the internet. Its findings fail. Where the service gives no answer
within `SECONDS`, or knows nothing of a package (a mirror may have packages and no advisories, and
pip-audit calls that a success), it is said by name and nothing is claimed. With
JOBFLOW_REQUIRE_AUDIT=1 that fails, too.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

SECONDS = 12
LOCKS = ("requirements.lock", "requirements-bench.lock", "requirements-audit.lock")


def main() -> int:
    failed = False
    for lock in LOCKS:
        report = audit(lock)
        found = [] if isinstance(report, str) else findings(report)
        for line in found:
            print(f"{lock}: {line}")
        failed = failed or bool(found)
        unknown = report if isinstance(report, str) else not_compared(report)
        if unknown:
            print(f"SKIPPED audit: {lock} was not compared: {unknown}")
            return int(failed or os.environ.get("JOBFLOW_REQUIRE_AUDIT") == "1")
        print(f"{lock}: {len(found) or 'no'} known vulnerabilities")
    return int(failed)


def audit(lock: str) -> Any:
    """The report on the packages of a lock, or in words why there is none."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [
            *(sys.executable, "-m", "pip_audit", "--requirement", lock, "--disable-pip"),
            *("--require-hashes", "--format", "json", "--output", str(report)),
            *("--progress-spinner", "off", "--timeout", "5"),
        ]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, check=False, timeout=SECONDS
            )
        except subprocess.TimeoutExpired:
            return f"no answer within {SECONDS} s"
        if not report.exists() or not report.read_text().strip():
            said = done.stderr.strip().splitlines()
            return said[-1][:200] if said else f"pip-audit ended with {done.returncode}"
        return json.loads(report.read_text())


def not_compared(report: Any) -> str:
    """What the service knew nothing of; empty if it knew all."""
    skipped = [package for package in report["dependencies"] if "skip_reason" in package]
    if not skipped:
        return ""
    count = f"{len(skipped)} of {len(report['dependencies'])} packages"
    return f"the service does not know {count}, such as {skipped[0]['name']}"


def findings(report: Any) -> list[str]:
    """One line for each known vulnerability in a report of pip-audit."""
    return [
        f"{package['name']} {package['version']}: {known['id']}, fixed in"
        f" {', '.join(known['fix_versions']) or 'no version yet'}"
        for package in report["dependencies"]
        for known in package.get("vulns", ())
    ]


if __name__ == "__main__":
    sys.exit(main())
