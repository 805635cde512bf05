"""A metrics API over the pods of the model, as a metrics server serves it.

It looks at each running pod every 15 s: the memory of that moment, and the CPU since the look
before, or since the pod began. A pod is known from its first look on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from jobflows.cluster.transport import Request, Response
from jobflows.engine.times import parse_rfc3339, rfc3339
from model import ApiServer, kind_of

ROOT = "/apis/metrics.k8s.io/v1beta1"
LOOKS = 15.0


@dataclass
class MetricsApi:
    """By seconds since a pod began: `memory` is the bytes that it has, `cpu` the seconds of CPU
    that it has used until then."""

    server: ApiServer
    memory: Callable[[float], int]
    cpu: Callable[[float], float]
    asked: int = 0
    refuses: int = 0
    """The status with which it refuses everybody, or 0."""

    def answer(self, request: Request) -> Response | None:
        """None for what is not about metrics."""
        if not request.path.startswith(ROOT):
            return None
        self.asked += 1
        if self.refuses:
            return Response(self.refuses, b'{"kind": "Status", "message": "not here"}')
        label = request.query["labelSelector"]
        items = [
            found
            for pod in self.server.objects(kind_of("pods"))
            if label in pod["metadata"]["labels"] and (found := self._of(pod)) is not None
        ]
        body = {"kind": "PodMetricsList", "apiVersion": "metrics.k8s.io/v1beta1", "items": items}
        return Response(200, msgspec.json.encode(body))

    def _of(self, pod: Any) -> Any:
        look = self.server.clock.now() // LOOKS * LOOKS
        began = parse_rfc3339(pod["status"].get("startTime"))
        if pod["status"]["phase"] != "Running" or began is None or began >= look:
            return None
        since = max(began, look - LOOKS)
        cores = (self.cpu(look - began) - self.cpu(since - began)) / (look - since)
        usage = {"cpu": f"{int(cores * 1e9)}n", "memory": f"{self.memory(look - began) // 1024}Ki"}
        sidecar = {"cpu": "3", "memory": "9Gi"}
        return {
            "metadata": {key: pod["metadata"][key] for key in ("name", "namespace", "labels")},
            "timestamp": rfc3339(look),
            "window": f"{look - since}s",
            "containers": [{"name": "proxy", "usage": sidecar}, {"name": "main", "usage": usage}],
        }
