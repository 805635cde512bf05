"""`jobflow-operator` as a process, as a Deployment runs it: flags, probes, signals, exit codes."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cluster import Record
from cluster.api import wait_for
from cluster.ports import free_ports

PROGRAM = Path(sys.executable).with_name("jobflow-operator")


def write_kubeconfig(record: Record, client: str, path: Path) -> Path:
    """A kubeconfig of one client only, so that nobody acts as somebody else by mistake."""
    cluster = {"server": record.server, "certificate-authority": record.ca_file}
    user = {"token": record.tokens[client]}
    path.write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": "test", "cluster": cluster}],
                "users": [{"name": client, "user": user}],
                "contexts": [{"name": "test", "context": {"cluster": "test", "user": client}}],
                "current-context": "test",
            }
        )
    )
    return path


class OperatorProcess:
    """An operator that was started; its log is a file, one JSON object a line.

    Those of one identity are one container that is started again: the next takes the Lease at once.
    """

    program = PROGRAM

    def __init__(
        self, config: Path, log: Path, *flags: str, identity: str = "jobflow-operator-0"
    ) -> None:
        self.log = log
        (self._port,) = free_ports(1)
        with log.open("a") as file:
            self._process = subprocess.Popen(
                [
                    *(self.program, "--kubeconfig", config),
                    *("--metrics-addr", f"127.0.0.1:{self._port}", *flags),
                ],
                stdout=file,
                stderr=subprocess.STDOUT,
                env={
                    **{k: v for k, v in os.environ.items() if not k.startswith("JOBFLOW_")},
                    "POD_NAME": identity,
                },
            )

    @property
    def address(self) -> str:
        """Where its metrics are."""
        return f"127.0.0.1:{self._port}"

    def fetch(self, path: str) -> tuple[int, str]:
        """GET from the metrics port; status 0 when nobody answers."""
        link = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
        try:
            link.request("GET", path)
            response = link.getresponse()
            return response.status, response.read().decode()
        except (OSError, http.client.HTTPException):
            return 0, ""
        finally:
            link.close()

    def wait_ready(self) -> None:
        """Wait for /readyz."""

        def ready() -> bool:
            assert self._process.poll() is None, f"it ended:\n{self.log_text()[-4000:]}"
            return self.fetch("/readyz")[0] == 200

        wait_for(f"{self.program.name} is ready", ready, seconds=60)

    @property
    def pid(self) -> int:
        """Its number, for signals."""
        return self._process.pid

    def kill(self) -> None:
        """SIGKILL: no goodbye, nothing is written."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        return self._process.wait(timeout=40)

    def log_text(self) -> str:
        """All that was logged."""
        return self.log.read_text(errors="replace")

    def complaints(self) -> list[str]:
        """Lines of the log that no healthy operator writes."""
        return [line for line in self.log_text().splitlines() if complaint(line)]


class RecorderProcess(OperatorProcess):
    """The same of a recorder."""

    program = PROGRAM.with_name("jobflow-recorder")


@contextmanager
def running(config: Path, log: Path, *flags: str) -> Iterator[OperatorProcess]:
    """An operator that must end well: exit code 0 after SIGTERM, and no error in its log."""
    process = OperatorProcess(config, log, *flags)
    try:
        process.wait_ready()
        yield process
        code = process.stop()
        assert code == 0, f"exit code {code} after SIGTERM:\n{process.log_text()[-4000:]}"
        assert not process.complaints()
    finally:
        process.kill()


def complaint(line: str) -> bool:
    try:
        level = json.loads(line)["level"]
    except (ValueError, KeyError, TypeError):
        return bool(line.strip())  # a traceback, or somebody who does not log through logging
    return level in ("error", "critical")
