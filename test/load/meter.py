"""CPU and memory of processes, and the size of etcd, while a run goes on."""

from __future__ import annotations

import asyncio
import base64
import json
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from bench.operator_run import Process
from cluster.record import Record

SAMPLE_SECONDS = 1.0
REGISTRY = "/registry/"
PAGE = 1000


@dataclass(frozen=True, slots=True)
class Sample:
    """`at` counts from the begin of the run; CPU is that used so far, in seconds."""

    at: float
    cpu: float
    mib: float
    done: int
    plane_cpu: float


@dataclass(slots=True)
class Meter:
    """`watched` is the controller's process, if it is one of this machine's."""

    record: Record
    watched: Process | None
    samples: list[Sample] = field(default_factory=list)

    def cpu(self) -> dict[str, float]:
        """CPU seconds so far, by process."""
        plane = {name: Process(pid).cpu_seconds() for name, pid in self.record.pids.items()}
        return ({"controller": self.watched.cpu_seconds()} if self.watched else {}) | plane

    async def sample(self, done: Callable[[], int]) -> None:
        """Until cancelled."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        while True:
            cpu = self.cpu()
            controller = cpu.pop("controller", 0.0)
            mib = resident_mib(self.watched.pid) if self.watched else 0.0
            at = round(loop.time() - began, 2)
            plane = round(sum(cpu.values()), 2)
            self.samples.append(Sample(at, round(controller, 2), round(mib, 1), done(), plane))
            await asyncio.sleep(SAMPLE_SECONDS)


def resident_mib(pid: int) -> float:
    """Resident memory now."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4096 / (1 << 20)


@dataclass(frozen=True, slots=True)
class Etcd:
    """The control plane's store, asked directly: sizes as they are stored, not as they are sent."""

    address: str

    @classmethod
    def of(cls, record: Record) -> Etcd:
        return cls(record.prometheus["etcd"].removesuffix("/metrics"))

    def bytes_in_use(self) -> int:
        """Of the database, old revisions and all that is not yet compacted included."""
        return int(self._metrics()["etcd_mvcc_db_total_size_in_use_in_bytes"])

    def puts(self) -> int:
        """Writes of keys since the start."""
        return int(self._metrics()["etcd_mvcc_put_total"])

    def sizes(self, resource: str, namespace: str) -> list[int]:
        """Bytes of each object, such as `jobs`; a custom one with its group before a slash."""
        start = f"{REGISTRY}{resource}/{namespace}/"
        key, end = start.encode(), start[:-1].encode() + b"0"
        sizes: list[int] = []
        while True:
            body = {"key": _text(key), "range_end": _text(end), "limit": str(PAGE)}
            answer = self._post("/v3/kv/range", body)
            items = answer.get("kvs", [])
            sizes += [len(base64.b64decode(item["value"])) for item in items]
            if not answer.get("more"):
                return sizes
            key = base64.b64decode(items[-1]["key"]) + b"\0"

    def put(self, objects: Mapping[str, bytes]) -> None:
        """Write objects as they are; the API server takes notice by its own watch."""
        puts = [
            {"request_put": {"key": _text((REGISTRY + key).encode()), "value": _text(value)}}
            for key, value in objects.items()
        ]
        self._post("/v3/kv/txn", {"success": puts})

    def _metrics(self) -> dict[str, float]:
        with urllib.request.urlopen(f"{self.address}/metrics", timeout=30) as response:
            text = response.read().decode()
        return {s.name: s.value for f in text_string_to_metric_families(text) for s in f.samples}

    def _post(self, path: str, body: object) -> Any:
        request = urllib.request.Request(self.address + path, json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.load(response)


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
