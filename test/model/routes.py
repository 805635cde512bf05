"""From a request's path to the kind, namespace, name and subresource it is about."""

from __future__ import annotations

from dataclasses import dataclass

from model.kinds import KINDS, Kind


@dataclass(frozen=True, slots=True)
class Route:
    """`namespace` is empty for all namespaces, `name` for a collection."""

    kind: Kind
    namespace: str
    name: str
    subresource: str

    @property
    def resource(self) -> str:
        """How request logs and fault rules name it: `jobs`, `jobs/status`."""
        return f"{self.kind.plural}/{self.subresource}" if self.subresource else self.kind.plural


_ROOTS: dict[str, dict[str, Kind]] = {}
for _kind in KINDS:
    _prefix = f"/apis/{_kind.api_version}" if _kind.group else f"/api/{_kind.version}"
    _ROOTS.setdefault(_prefix, {})[_kind.plural] = _kind


def in_known_group(path: str) -> bool:
    """Whether a path without a route still lies under a group that the server knows."""
    return any(path.startswith(root + "/") for root in _ROOTS)


def route(path: str) -> Route | None:
    """None for a path the server has nothing at."""
    parts = path.strip("/").split("/")
    depth = 2 if parts[0] == "api" else 3
    kinds = _ROOTS.get("/" + "/".join(parts[:depth]))
    rest = parts[depth:]
    if not kinds or not rest:
        return None
    namespace = ""
    # /namespaces/x/jobs is about jobs, /namespaces/x and /namespaces/x/status about a namespace.
    if rest[0] == "namespaces" and len(rest) > 2 and rest[2] in kinds:
        namespace, rest = rest[1], rest[2:]
    kind = kinds.get(rest[0])
    if kind is None or len(rest) > 3 or (kind.namespaced and not namespace and len(rest) > 1):
        return None
    name = rest[1] if len(rest) > 1 else ""
    subresource = rest[2] if len(rest) > 2 else ""
    # Of custom resources the server knows subresources only when it has looked up the object.
    if subresource and not kind.custom and not (subresource == "status" and kind.status):
        return None
    return Route(kind, namespace, name, subresource)
