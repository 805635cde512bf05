"""A Prometheus that scrapes one operator and evaluates the rules of this repository."""

from __future__ import annotations

import http.client
import json
import math
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from cluster.api import wait_for
from cluster.ports import free_ports

CONFIG = """
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [{rules}]
scrape_configs:
  - job_name: anything
    honor_labels: true
    static_configs: [{{targets: ["{target}"]}}]
"""


class Prometheus:
    """Asked by its HTTP API."""

    def __init__(self, port: int) -> None:
        self._port = port

    def values(self, query: str) -> list[float]:
        """The numbers that a query finds now, without what is not a number."""
        found = self._get("/api/v1/query", query=query)
        samples = [found["result"]] if found["resultType"] == "scalar" else found["result"]
        numbers = (float((s["value"] if isinstance(s, dict) else s)[1]) for s in samples)
        return [number for number in numbers if not math.isnan(number)]

    def rules(self) -> list[dict[str, Any]]:
        """All rules, with how their last evaluation went."""
        groups = self._get("/api/v1/rules")["groups"]
        return [rule for group in groups for rule in group["rules"]]

    def is_ready(self) -> bool:
        try:
            return self._fetch("/-/ready")[0] == 200
        except OSError:
            return False

    def _get(self, path: str, **parameters: str) -> Any:
        status, text = self._fetch(f"{path}?{urlencode(parameters)}")
        assert status == 200, f"{parameters}: {text}"
        return json.loads(text)["data"]

    def _fetch(self, path: str) -> tuple[int, str]:
        link = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
        try:
            link.request("GET", path)
            response = link.getresponse()
            return response.status, response.read().decode()
        finally:
            link.close()


@contextmanager
def scraping(
    program: Path, target: str, rules: Iterable[Path], folder: Path
) -> Iterator[Prometheus]:
    """Run a Prometheus that scrapes `target`, and evaluates `rules`, each second."""
    files = [folder / rule.name for rule in rules]
    for rule, file in zip(rules, files, strict=True):
        file.write_text(rule.read_text().replace("interval: 30s", "interval: 1s"))
    named = ", ".join(json.dumps(str(file)) for file in files)
    config = folder / "prometheus.yml"
    config.write_text(CONFIG.format(rules=named, target=target))
    (port,) = free_ports(1)
    with (folder / "prometheus.log").open("w") as log:
        process = subprocess.Popen(
            [
                *(program, f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}"),
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            prometheus = Prometheus(port)
            wait_for("Prometheus is ready", prometheus.is_ready, 30)
            yield prometheus
        finally:
            process.terminate()
            process.wait(timeout=20)
