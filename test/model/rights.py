"""What a client may do, by the rules of a Role; the rest is refused, as by RBAC."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import yaml

from model.errors import ApiError
from model.routes import Route

_FILES = Path(__file__).parents[2] / "deploy" / "helm" / "jobflows" / "files"


def granted(rules: Iterable[dict[str, Any]]) -> Iterator[tuple[str, str, str]]:
    """Every verb on every resource of these rules: group, resource, verb."""
    for rule in rules:
        yield from product(rule["apiGroups"], rule["resources"], rule["verbs"])


class Rights:
    """Of one client, whose name a refusal tells."""

    def __init__(self, user: str, rules: Iterable[dict[str, Any]]) -> None:
        self._user = user
        self._granted = frozenset(granted(rules))

    def check(self, route: Route, verb: str) -> None:
        """Raises `ApiError` for what none of the rules allows."""
        group = route.kind.group
        if (group, route.resource, verb) in self._granted:
            return
        named = route.kind.qualified + (f' "{route.name}"' if route.name else "")
        where = (
            f'in the namespace "{route.namespace}"' if route.namespace else "at the cluster scope"
        )
        raise ApiError(
            403,
            "Forbidden",
            f'{named} is forbidden: User "{self._user}" cannot {verb} resource "{route.resource}" '
            f'in API group "{group}" {where}',
            {"name": route.name, "group": group, "kind": route.kind.plural},
        )


@cache
def of_the_operator() -> Rights:
    """Those that the chart gives to it: for flows, and for the Leases of its replicas."""
    files = (_FILES / name for name in ("rules.yaml", "lease-rules.yaml"))
    rules = [rule for file in files for rule in yaml.safe_load(file.read_text())]
    return Rights("operator", rules)
