"""`jobflow run` on a terminal: the live table, and questions that a person answers."""

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from unit.local.local_runs import document, step

ROOT = Path(__file__).parents[3]
CTRL_C = "\x03"


def on_a_terminal(
    tmp_path: Path, flow: dict[str, object], *answers: tuple[str, str]
) -> tuple[int, str]:
    """Run a flow on a terminal of its own; each answer is typed when its question is seen."""
    code, seen = drawn(tmp_path, flow, *answers)
    return code, re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", seen)


def drawn(
    tmp_path: Path, flow: dict[str, object], *answers: tuple[str, str], **environment: str
) -> tuple[int, str]:
    """The same, with all that the terminal is told."""
    file = tmp_path / "flow.yaml"
    file.write_text(yaml.safe_dump(flow))
    terminal, theirs = pty.openpty()
    program = "from jobflows.cli.main import app; app()"
    process = subprocess.Popen(
        [sys.executable, "-c", program, "run", str(file), "--workdir", str(tmp_path / "w")],
        env={**os.environ, "PYTHONPATH": str(ROOT / "operator"), "TERM": "xterm", "COLUMNS": "100"}
        | environment,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    seen, waiting, end = "", list(answers), time.monotonic() + 120
    while time.monotonic() < end:
        if not select.select([terminal], [], [], 0.1)[0]:
            continue
        try:
            part = os.read(terminal, 65536)
        except OSError:  # the program has ended
            break
        seen += part.decode()
        if waiting and waiting[0][0] in seen:
            answer = waiting.pop(0)[1]
            if answer == CTRL_C:  # the terminal does not control the program, so it sends nothing
                process.send_signal(signal.SIGINT)
            else:
                os.write(terminal, answer.encode())
    os.close(terminal)
    return process.wait(60), seen


@pytest.mark.parametrize(("environment", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_colours_are_left_out_where_nobody_wants_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], coloured: bool
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    code, seen = drawn(tmp_path, document(step("a", "exit 1")), **environment)
    assert code == 1
    assert "Failed" in seen
    assert bool(re.search(r"\x1b\[(\d+;)*3\dm", seen)) is coloured


def test_the_live_table_shows_what_runs(tmp_path: Path) -> None:
    code, seen = on_a_terminal(tmp_path, document(step("slow", "sleep 0.3"), step("b")))
    assert code == 0
    assert re.search(r"1 Running  1 Succeeded\s+slow +Running", seen)


@pytest.mark.parametrize(
    ("answers", "code", "last"),
    [
        ((("[y/n] ", "what\n"), ("answer y or n: ", "y\n")), 0, "Succeeded"),
        ((("[y/n] ", "n\n"),), 1, "Failed: step ask failed: ApprovalDenied"),
        ((("[y/n] ", CTRL_C),), 130, "Failed: stopped by SIGINT"),
    ],
)
def test_a_question_is_answered_or_interrupted(
    tmp_path: Path, answers: tuple[tuple[str, str], ...], code: int, last: str
) -> None:
    ask = {"name": "ask", "type": "Manual", "message": "Good to go?"}
    ended, seen = on_a_terminal(tmp_path, document(ask, step("go", dependencies=["ask"])), *answers)
    assert "ask: Good to go?" in seen
    assert ended == code
    assert seen.splitlines()[-1].startswith(last)
