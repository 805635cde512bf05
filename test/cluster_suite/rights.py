"""Rights one by one, accounts that hold them, and what the API server granted and refused whom."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cluster import Record
from cluster.api import Api
from cluster_suite.process import write_kubeconfig
from jobflows.cluster import connect
from jobflows.cluster.login import Connection
from model.rights import granted

Object = dict[str, Any]


@dataclass(frozen=True, order=True)
class Right:
    """One verb on one resource."""

    group: str
    resource: str
    verb: str

    @property
    def call(self) -> tuple[str, str]:
        """The call that is refused without it."""
        if self.resource.endswith("/finalizers"):
            # Who makes a Job that blocks the end of its flow needs the right to finalize flows.
            return ("create", "jobs")
        return (self.verb, self.resource)


def expand(rules: Iterable[Object]) -> list[Right]:
    """Every right of these rules, in order."""
    return sorted(Right(*each) for each in granted(rules))


def act_as(suite: Record, namespace: str, account: str, file: Path) -> Connection:
    """A connection as a service account."""
    admin = Api(suite.server, suite.tokens["admin"], Path(suite.ca_file))
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
    answer = json.loads(admin.request("POST", path, {"spec": {}}))
    mine = replace(suite, tokens={account: answer["status"]["token"]})
    return connect(str(write_kubeconfig(mine, account, file)))


class AuditLog:
    """What users were granted and refused, read on as the log grows."""

    def __init__(self, file: Path) -> None:
        self._lines = file.open()
        self._lines.seek(0, 2)
        self._rest = ""
        self._calls: dict[tuple[str, bool], set[tuple[str, str]]] = {}

    def close(self) -> None:
        """Read no more."""
        self._lines.close()

    def granted(self, user: str) -> set[tuple[str, str]]:
        """Verbs and resources."""
        return self._read().get((user, True), set())

    def refused(self, user: str) -> set[tuple[str, str]]:
        """Verbs and resources."""
        return self._read().get((user, False), set())

    def _read(self) -> dict[tuple[str, bool], set[tuple[str, str]]]:
        *lines, self._rest = (self._rest + self._lines.read()).split("\n")
        for line in lines:
            if "system:serviceaccount:" not in line:
                continue
            call = json.loads(line)
            what = call.get("objectRef", {})
            if not what:
                continue
            part = f"/{what['subresource']}" if "subresource" in what else ""
            allowed = call["responseStatus"]["code"] != 403
            calls = self._calls.setdefault((call["user"]["username"], allowed), set())
            calls.add((call["verb"], what["resource"] + part))
        return self._calls
