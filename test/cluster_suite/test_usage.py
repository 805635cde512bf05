"""What pods use, through the API server: a metrics API stands behind it, as a metrics server does.

The metrics are made up; what is tested is the recorder, and that it asks as the API server wants.
"""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from cluster import Record
from cluster_suite.flows import flow, runs, sim, step
from cluster_suite.kube import Kube, Object
from cluster_suite.process import RecorderProcess, write_kubeconfig
from jobflows.archive import Archive, AttemptFilter, AttemptInfo, attempts
from jobflows.manifests import labels
from jobflows.webhook.pki import issue, new_authority

pytestmark = pytest.mark.cluster

GROUP, VERSION = "metrics.k8s.io", "v1beta1"
ROOT = f"/apis/{GROUP}/{VERSION}"
MEBI = 1 << 20


class Metrics(ThreadingHTTPServer):
    """Serves the pods that `kube` sees: each has 100 MiB and half a core."""

    daemon_threads = True

    def __init__(self, kube: Kube, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.kube = kube
        self.paths: list[str] = []
        now = datetime.now(UTC)
        day = timedelta(days=1)
        file = folder / "server.pem"
        file.write_bytes(b"".join(issue(new_authority(now, day), ["localhost"], now, day)))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        self.socket = context.wrap_socket(self.socket, server_side=True)

    def answer(self, path: str) -> Object:
        """The group's resources, or metrics of the pods that run."""
        self.paths.append(path)
        if path.partition("?")[0] == ROOT:
            pods = {"name": "pods", "namespaced": True, "kind": "PodMetrics", "verbs": ["list"]}
            found = {"kind": "APIResourceList", "apiVersion": "v1", "resources": [pods]}
            return {**found, "groupVersion": f"{GROUP}/{VERSION}"}
        running = (p for p in self.kube.find("pods") if p["status"].get("phase") == "Running")
        items = [_metrics(pod) for pod in running]
        return {"kind": "PodMetricsList", "apiVersion": f"{GROUP}/{VERSION}", "items": items}


def _metrics(pod: Object) -> Object:
    usage = {"cpu": "500m", "memory": "102400Ki"}
    return {
        "metadata": {key: pod["metadata"][key] for key in ("name", "namespace", "labels")},
        "timestamp": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "window": "15s",
        "containers": [{"name": "main", "usage": usage}],
    }


class _Handler(BaseHTTPRequestHandler):
    server: Metrics

    def do_GET(self) -> None:
        body = json.dumps(self.server.answer(self.path)).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nobody reads it."""


def _is_available(service: Object) -> bool:
    found = service.get("status", {}).get("conditions") or ()
    return any((c["type"], c["status"]) == ("Available", "True") for c in found)


@pytest.fixture
def metrics(kube: Kube, tmp_path: Path) -> Iterator[Metrics]:
    """A metrics API of the whole cluster, for as long as a test takes."""
    with Metrics(kube, tmp_path) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        name, port = f"{VERSION}.{GROUP}", server.server_address[1]
        where = {"namespace": kube.namespace, "name": "metrics", "port": port}
        priority = {"groupPriorityMinimum": 100, "versionPriority": 100}
        service = {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "metrics"},
            "spec": {"type": "ExternalName", "externalName": "localhost"},
        }
        registered = {
            "apiVersion": "apiregistration.k8s.io/v1",
            "kind": "APIService",
            "metadata": {"name": name},
            "spec": {
                "group": GROUP,
                "version": VERSION,
                "insecureSkipTLSVerify": True,
                "service": where,
                **priority,
            },
        }
        kube.apply(service, registered)
        try:
            kube.until("apiservice", name, _is_available)
            yield server
        finally:
            kube("delete", "apiservice", name)  # else no namespace could be deleted
            server.shutdown()


@pytest.mark.usefixtures("operator")
def test_what_the_metrics_api_shows_is_archived(
    suite: Record, kube: Kube, metrics: Metrics, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/archive.db"
    config = write_kubeconfig(suite, "admin", tmp_path / "kubeconfig")
    flags = ("--database", url, "--watch-namespace", kube.namespace, "--usage-period", "0.5")
    recorder = RecorderProcess(config, tmp_path / "log", *flags)
    try:
        recorder.wait_ready()
        said = json.dumps({"map": {"items": 1, "cpuSeconds": 9.5, "peakMemory": MEBI}})
        itself = step("itself", pod=sim(run_for="5s", message=said))
        kube.apply(flow("f", step("a", pod=runs("5s")), itself))
        kube.ends("f")
        kube.until("jf", "f", lambda f: labels.ARCHIVED in f["metadata"].get("annotations", {}))
        assert recorder.stop() == 0
        assert not recorder.complaints()
    finally:
        recorder.kill()
    assert any(
        path.startswith(f"{ROOT}/namespaces/{kube.namespace}/pods?") for path in metrics.paths
    )
    seen = _attempts(url)
    assert (seen["a"].peak_memory, seen["a"].measured_by) == (100 * MEBI, "metrics")
    assert seen["a"].seconds is not None
    assert seen["a"].cpu_seconds == pytest.approx(seen["a"].seconds / 2, abs=0.6)
    assert (seen["itself"].peak_memory, seen["itself"].measured_by) == (MEBI, "runtime")


def _attempts(url: str) -> dict[str, AttemptInfo]:
    with Archive.open(url) as archive, archive.reading() as connection:
        return {each.step: each for each in attempts(connection, AttemptFilter()).items}
