"""`make audit`: what is known is a failure, and what nobody could be asked is no success."""

from __future__ import annotations

import importlib.util
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[3] / ".ci" / "audit.py"

KNOWN = {
    "dependencies": [
        {"name": "good", "version": "1.0", "vulns": []},
        {
            "name": "bad",
            "version": "2.0",
            "vulns": [
                {"id": "PYSEC-1", "fix_versions": ["2.1", "3.0"]},
                {"id": "PYSEC-2", "fix_versions": []},
            ],
        },
    ]
}


MIRROR = {
    "dependencies": [
        {"name": "good", "version": "1.0", "vulns": []},
        {"name": "odd", "skip_reason": "Dependency not found and could not be audited"},
    ]
}
"""What is said where packages come from a mirror without advisories."""


@pytest.fixture
def audit(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.delenv("JOBFLOW_REQUIRE_AUDIT", raising=False)
    spec = importlib.util.spec_from_file_location("audit", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def answers(monkeypatch: pytest.MonkeyPatch, audit: Any, report: Any, said: str = "") -> None:
    """pip-audit writes this report, or none."""

    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        if report is TimeoutError:
            raise subprocess.TimeoutExpired(command, 1)
        if report is not None:
            Path(command[command.index("--output") + 1]).write_text(json.dumps(report))
        return subprocess.CompletedProcess(command, 1, "", said)

    monkeypatch.setattr(audit.subprocess, "run", run)


def test_what_is_known_fails_with_the_versions_that_mend_it(
    audit: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answers(monkeypatch, audit, KNOWN)
    assert audit.main() == 1
    printed = capsys.readouterr().out
    assert "requirements.lock: bad 2.0: PYSEC-1, fixed in 2.1, 3.0" in printed
    assert "bad 2.0: PYSEC-2, fixed in no version yet" in printed
    assert "requirements.lock: 2 known vulnerabilities" in printed


def test_nothing_known_is_a_success(
    audit: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answers(monkeypatch, audit, {"dependencies": KNOWN["dependencies"][:1]})
    assert audit.main() == 0
    assert capsys.readouterr().out.count("no known vulnerabilities") == len(audit.LOCKS)


@pytest.mark.parametrize(
    "case",
    [
        (None, "trying\nConnectionError: no route to host", "no route to host"),
        (None, "", "ended with 1"),
        (MIRROR, "No known vulnerabilities found", "does not know 1 of 2 packages, such as odd"),
        (TimeoutError, "", "no answer within 12 s"),
    ],
)
def test_no_answer_is_said_and_claims_nothing(
    audit: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    case: tuple[Any, str, str],
) -> None:
    report, said, words = case
    answers(monkeypatch, audit, report, said)
    assert audit.main() == 0
    printed = capsys.readouterr().out
    assert printed.startswith("SKIPPED audit: requirements.lock was not compared: ")
    assert words in printed
    assert "no known" not in printed
    monkeypatch.setenv("JOBFLOW_REQUIRE_AUDIT", "1")
    assert audit.main() == 1
