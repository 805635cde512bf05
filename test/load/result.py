"""What a run has shown, as JSON: the figures, and all that one must know to believe them."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jobflows
from cluster.record import Record
from load.meter import Sample

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class About:
    """Where and with what it was measured. `load` is the machine's, as the run began."""

    at: str
    machine: str
    versions: dict[str, str]
    commit: str
    command: str
    flags: list[str]
    load: float

    @classmethod
    def here(cls, command: str, flags: list[str], record: Record | None) -> About:
        """The machine this runs on."""
        versions = {"jobflows": jobflows.__version__, "python": platform.python_version()}
        if record is not None:
            versions["kubernetes"] = record.kubernetes
        return cls(
            at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%MZ"),
            machine=machine(),
            versions=versions,
            commit=_commit(),
            command=command,
            flags=flags,
            load=round(os.getloadavg()[0], 1),
        )


@dataclass(slots=True)
class Result:
    """One run. `figures` are by name, what cannot be measured is not among them."""

    name: str
    about: About
    options: dict[str, Any]
    figures: dict[str, Any]
    samples: list[Sample] = field(default_factory=list)
    note: str = ""

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1)

    def write(self, folder: Path) -> Path:
        """As `NAME.json`, its samples thinned to what a plot can show."""
        step = max(1, len(self.samples) // 200)
        self.samples = self.samples[::step]
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{self.name}.json"
        file.write_text(self.to_json() + "\n")
        return file


def machine() -> str:
    """Such as `2 cores of Xeon, 24 GiB, Linux 6.1`."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((x.partition(":")[2].strip() for x in lines if x.startswith("model name")), "?")
    gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    kernel = platform.release().partition("-")[0]
    return f"{os.cpu_count()} cores of {model}, {gib:.0f} GiB, Linux {kernel}"


def _commit() -> str:
    command = ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip()
