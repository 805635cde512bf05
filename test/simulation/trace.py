"""What happened in a world, one line a fact, for people who look at a seed that failed."""

from __future__ import annotations

from typing import Any

from model.storage import Change
from simulation.fleet import Fleet
from simulation.scene import Scene


class Trace:
    """Listens, and keeps a line for each change of a phase, each call that failed, each crash."""

    def __init__(self, scene: Scene) -> None:
        self.lines: list[str] = []
        self._scene = scene
        scene.stage.server.storage.listeners.append(self._changed)
        if isinstance(scene.stage, Fleet):
            scene.stage.changes.append(self._befell)

    def say(self, words: str) -> None:
        """Note a line of one's own."""
        self.lines.append(f"{self._scene.time():10.3f}  {words}")

    def of(self, flow: str, until: float) -> list[str]:
        """The lines about one flow, or about all, up to a moment."""
        lines = [line for line in self.lines if float(line.split()[0]) <= until + 0.0005]
        if not flow:
            return lines
        about = (f" {flow}:", f" {flow}-", "  lease ", "  replica ")
        return [line for line in lines if any(words in line for words in about)]

    def _befell(self, words: str) -> None:
        if words:
            self.say(f"replica {words}")

    def _changed(self, change: Change) -> None:
        kind, new = change.new.kind.plural, change.new
        if kind == "leases":
            self._lease(change)
        if kind not in ("jobflows", "jobs", "pods"):
            return
        who = self._scene.stage.server.caller
        before, after = (_gist(kind, change.old.obj) if change.old else "", _gist(kind, new.obj))
        if change.deleted:
            self.say(f"{kind[:-1]:8}{new.name}: gone")
        elif before != after:
            by = f" (by {who})" if who else ""
            self.say(f"{kind[:-1]:8}{new.name}: {after}{by}")

    def _lease(self, change: Change) -> None:
        new = (
            (change.new.obj["spec"].get("holderIdentity") or "nobody") if not change.deleted else ""
        )
        old = (change.old.obj["spec"].get("holderIdentity") or "nobody") if change.old else ""
        if new != old:
            self.say(f"lease   {change.new.name}: {new or 'gone'}")


def _gist(kind: str, obj: dict[str, Any]) -> str:
    meta, status = obj["metadata"], obj.get("status") or {}
    words = ["deleting"] if "deletionTimestamp" in meta else []
    if kind == "jobflows":
        said = {k.rpartition("/")[2]: v for k, v in (meta.get("annotations") or {}).items()}
        words += [f"generation {meta['generation']}"]
        words += ["suspended"] if obj["spec"].get("suspend") else []
        words += [f"said {said}"] if said else []
        words += [f"{status.get('phase', 'new')} {status.get('reason', '')}"]
        words += [
            f"{s['name']}={s['phase']}#{s.get('attempt', 0)}"
            for s in status.get("steps") or ()
            if s["phase"] != "Pending" or s.get("attempt")
        ]
    elif kind == "jobs":
        words += [c["type"] for c in status.get("conditions") or ()] or ["made"]
    else:
        words += [str(status.get("phase"))]
        kinds = {c["type"] for c in status.get("conditions") or ()}
        words += ["disrupted"] if "DisruptionTarget" in kinds else []
    return ", ".join(words)
