"""Storage protection: a claim that a pod still uses outlives its deletion.

The admission plugin puts a finalizer on every claim, and the controller takes it off a deleted
claim once no unfinished pod mounts it.
"""

from __future__ import annotations

from model.kinds import CLAIMS, PODS
from model.storage import Change, Record, Storage
from model.verbs import Verbs
from model.virtual_time import Clock

PROTECTION = "kubernetes.io/pvc-protection"
DELAY_SECONDS = 0.05


class ClaimProtection:
    """Looks at a deleted claim again whenever a pod in its namespace has changed."""

    def __init__(self, storage: Storage, verbs: Verbs, clock: Clock) -> None:
        self._storage = storage
        self._verbs = verbs
        self._clock = clock
        self._doomed: dict[tuple[str, str], None] = {}
        storage.listeners.append(self._changed)

    def _changed(self, change: Change) -> None:
        new = change.new
        if new.kind is CLAIMS:
            if change.deleted:
                self._doomed.pop(new.key, None)
            elif "deletionTimestamp" in new.metadata:
                self._doomed[new.key] = None
                self._clock.call_later(DELAY_SECONDS, self._look)
        elif new.kind is PODS and self._doomed:
            self._clock.call_later(DELAY_SECONDS, self._look)

    def _look(self) -> None:
        for key in list(self._doomed):
            claim = self._storage.get(CLAIMS, *key)
            if claim is not None and not self._used(claim):
                kept = [f for f in claim.metadata.get("finalizers") or () if f != PROTECTION]
                metadata = {**claim.metadata, "finalizers": kept}
                if not kept:
                    del metadata["finalizers"]
                self._verbs.store(claim, {**claim.obj, "metadata": metadata})

    def _used(self, claim: Record) -> bool:
        for pod in self._storage.select(PODS, claim.namespace):
            if pod.obj["status"].get("phase") in ("Succeeded", "Failed"):
                continue
            for volume in pod.obj["spec"].get("volumes") or ():
                if (volume.get("persistentVolumeClaim") or {}).get("claimName") == claim.name:
                    return True
        return False
