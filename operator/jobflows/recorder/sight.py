"""What the informers tell, kept until it is written down.

A pod or Job that has gone is kept in its last state until its attempt is recorded; so nothing is
lost while the database is away, at the price of a few hundred bytes each.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from jobflows.engine.indexes import EMPTY, IndexSet
from jobflows.manifests.place import Place, place_of_job, place_of_pod
from jobflows.manifests.records import FlowRecord, JobRecord
from jobflows.recorder.records import RecordedPod
from jobflows.recorder.tasks import counted_positions, position_of


@dataclass(slots=True)
class Seen:
    """An attempt: its Job and its pods by UID; `gone` are those that exist no more.

    Of an array only pods with `news` are told again, and of what its Job counts only what is not
    in `counted`, by position.
    """

    job: JobRecord | None = None
    pods: dict[str, RecordedPod] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    news: set[str] = field(default_factory=set)
    counted: IndexSet = EMPTY

    def written(self) -> None:
        """It is written down: nothing of it is news, and what exists no more is forgotten."""
        self.news.clear()
        if self.job is not None:
            # Of a pod that runs on, nothing is heard any more when it goes while nobody looks.
            runs = (pod for uid, pod in self.pods.items() if uid not in self.gone)
            silent = (position_of(pod) for pod in runs if not pod.is_over)
            self.counted = counted_positions(self.job) - IndexSet.of(
                position for position in silent if position is not None
            )
        if self.job is not None and self.job.metadata.uid in self.gone:
            self.job = None
        self.pods = {uid: pod for uid, pod in self.pods.items() if uid not in self.gone}
        self.gone.clear()


class Sight:
    """Flows by UID, attempts by place, and which of them have news. `heard` is called with any."""

    def __init__(self) -> None:
        self.flows: dict[str, FlowRecord] = {}
        self.attempts: dict[str, dict[Place, Seen]] = {}
        self.changed_flows: dict[str, FlowRecord] = {}
        self.changed_attempts: dict[Place, None] = {}
        self.gone_flows: dict[str, FlowRecord] = {}

    @property
    def has_news(self) -> bool:
        """Whether anything is to be written."""
        return bool(self.changed_flows or self.changed_attempts or self.gone_flows)

    def flow_changed(self, old: FlowRecord | None, new: FlowRecord | None) -> None:
        """A JobFlow was added, changed or deleted."""
        if new is None:
            assert old is not None
            self.gone_flows[old.metadata.uid] = old
            self.flows.pop(old.metadata.uid, None)
            return
        uid = new.metadata.uid
        self.flows[uid] = new
        self.changed_flows[uid] = new
        if old is None:  # its attempts may have been seen before it
            for place, seen in self.attempts.get(uid, {}).items():
                seen.news.update(seen.pods)
                seen.counted = EMPTY
                self.changed_attempts[place] = None

    def job_changed(self, old: JobRecord | None, new: JobRecord | None) -> None:
        """A Job was added, changed or deleted."""
        job = new or old
        assert job is not None
        place = place_of_job(job)
        if place is None:
            return
        seen = self._seen(place)
        seen.job = job
        self._note(place, seen, job.metadata.uid, gone=new is None)

    def pod_changed(self, old: RecordedPod | None, new: RecordedPod | None) -> None:
        """A pod was added, changed or deleted."""
        pod = new or old
        assert pod is not None
        place = place_of_pod(pod.metadata)
        if place is None:
            return
        seen = self._seen(place)
        seen.pods[pod.metadata.uid] = pod
        self._note(place, seen, pod.metadata.uid, gone=new is None)

    def sampled(self, place: Place, uid: str) -> None:
        """Something was seen of what a pod uses."""
        self._note(place, self._seen(place), uid, gone=False)

    def recorded(self, place: Place) -> None:
        """An attempt is written down as it was seen."""
        of_flow = self.attempts.get(place.flow_id, {})
        seen = of_flow.get(place)
        if seen is None:
            return
        seen.written()
        if seen.job is None and not seen.pods:
            of_flow.pop(place)
            if not of_flow:
                self.attempts.pop(place.flow_id)

    def is_quiet(self, uid: str) -> bool:
        """Whether all pods of a flow that are known have ended."""
        of_flow = self.attempts.get(uid, {})
        return all(
            pod.is_over or pod.metadata.uid in seen.gone
            for seen in of_flow.values()
            for pod in seen.pods.values()
        )

    def _seen(self, place: Place) -> Seen:
        return self.attempts.setdefault(place.flow_id, {}).setdefault(place, Seen())

    def _note(self, place: Place, seen: Seen, uid: str, *, gone: bool) -> None:
        if gone:
            seen.gone.add(uid)
        seen.news.add(uid)
        self.changed_attempts[place] = None
