"""The index: whose news it is, how urgent, and what is forgotten."""

from __future__ import annotations

from jobflows.controller.flowstate import FlowState
from jobflows.controller.workqueue import Priority
from jobflows.controller.world import World
from jobflows.engine.starts import read_approvals
from jobflows.manifests.stages import Stages
from unit.controller.objects import flow_record, job_record, pod_record

NOW = 1_767_225_700.0


class FixedClock:
    def now(self) -> float:
        return NOW


class Ear:
    """A world, and what it told of."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Priority]] = []
        self.forgotten: list[str] = []
        self.measured: list[tuple[str, Stages]] = []
        self.counted: list[str] = []
        clock = FixedClock()
        self.world = World(self._tell, self._forget, clock, self._measure, self._count)

    def _tell(self, uid: str, priority: Priority) -> None:
        self.told.append((uid, priority))

    def _measure(self, namespace: str, spent: Stages) -> None:
        self.measured.append((namespace, spent))

    def _count(self, state: FlowState) -> None:
        self.counted.append(state.uid)

    def _forget(self, state: FlowState) -> None:
        self.forgotten.append(state.uid)

    def take(self) -> list[tuple[str, Priority]]:
        told, self.told = self.told, []
        return told


def test_a_change_by_a_person_is_urgent_and_our_own_status_is_no_news() -> None:
    ear = Ear()
    one = flow_record()
    ear.world.flow_changed(None, one)
    assert ear.take() == [("flow-1", Priority.RESYNC)]
    two = flow_record(status={"phase": "Running"}, resourceVersion="6")
    ear.world.flow_changed(one, two)
    assert ear.take() == []
    for change in (
        {"generation": 2},
        {"annotations": {"approved.workflow.kube-zen.io/a": "true"}},
        {"deletionTimestamp": "2026-01-01T00:00:00Z"},
    ):
        ear.world.flow_changed(one, flow_record(**change))
        assert ear.take() == [("flow-1", Priority.USER)]


def test_jobs_and_pods_find_their_flow_in_any_order() -> None:
    ear = Ear()
    ear.world.job_changed(None, job_record())
    ear.world.pod_changed(None, pod_record("Running"))
    assert ear.take() == []  # nobody to plan for yet
    ear.world.flow_changed(None, flow_record())
    state = ear.world.flows["flow-1"]
    assert list(state.sightings.jobs) == ["a"]
    ear.take()
    ear.world.pod_changed(pod_record("Running"), pod_record("Succeeded"))
    assert ear.take() == [("flow-1", Priority.EVENT)]


def test_an_object_without_our_labels_is_nobodys() -> None:
    ear = Ear()
    ear.world.job_changed(None, job_record(labels={}))
    ear.world.job_changed(None, job_record(labels={"workflow.kube-zen.io/flow-uid": "x"}))
    ear.world.pod_changed(None, pod_record("Running", labels={}))
    assert not ear.world.flows


def test_a_job_that_the_flow_does_not_own_is_not_its_attempt() -> None:
    ear = Ear()
    ear.world.job_changed(None, job_record(ownerReferences=[]))
    stranger = {"uid": "other", "kind": "JobFlow", "name": "f", "controller": True}
    ear.world.job_changed(None, job_record(ownerReferences=[stranger]))
    assert not ear.world.flows


def test_a_job_that_is_orphaned_is_gone_for_its_flow() -> None:
    ear = Ear()
    ear.world.flow_changed(None, flow_record())
    ear.world.job_changed(None, job_record())
    ear.take()
    ear.world.job_changed(job_record(), job_record(ownerReferences=[]))
    assert ear.world.flows["flow-1"].sightings.is_empty
    assert ear.take() == [("flow-1", Priority.EVENT)]


def test_nothing_is_kept_of_a_flow_that_is_gone_with_its_jobs_and_pods() -> None:
    ear = Ear()
    ear.world.flow_changed(None, flow_record())
    ear.world.job_changed(None, job_record())
    ear.world.pod_changed(None, pod_record("Running"))
    ear.world.flow_changed(flow_record(), None)
    assert ear.forgotten == ["flow-1"]
    assert "flow-1" in ear.world.flows  # its Job may still be of use to a flow seen again
    ear.world.job_changed(job_record(), None)
    ear.world.pod_changed(pod_record("Running"), None)
    assert not ear.world.flows


def test_the_group_hears_when_a_member_leaves() -> None:
    ear = Ear()
    spec = {"executionPolicy": {"concurrencyGroup": "g", "concurrencyPolicy": "Forbid"}}
    for uid in ("one", "two"):
        ear.world.flow_changed(None, flow_record(uid, uid=uid, spec=spec))
    assert {uid for uid, _ in ear.take()} == {"one", "two"}
    two = ear.world.flows["two"]
    assert [peer.name for peer in ear.world.peers(two)] == ["one"]
    ear.world.flow_changed(flow_record("one", uid="one", spec=spec), None)
    assert ear.take() == [("two", Priority.EVENT)]
    assert ear.world.peers(two) == []


def test_a_finished_flow_is_no_peer() -> None:
    ear = Ear()
    spec = {"executionPolicy": {"concurrencyGroup": "g"}}
    done = flow_record("one", uid="one", spec=spec, status={"phase": "Succeeded"})
    ear.world.flow_changed(None, done)
    ear.world.flow_changed(None, flow_record("two", uid="two", spec=spec))
    assert ear.world.peers(ear.world.flows["two"]) == []


def test_only_yes_and_no_are_answers() -> None:
    said = {"true": True, " False ": False, "TRUE": True, "yes": None, "": None}
    for text, answer in said.items():
        annotations = {"approved.workflow.kube-zen.io/ask": text, "other/ask": "true"}
        assert read_approvals(annotations) == ({} if answer is None else {"ask": answer})


def test_a_pod_is_measured_when_it_ends_and_never_again() -> None:
    ear = Ear()
    ear.world.flow_changed(None, flow_record())
    running, done = pod_record("Running"), pod_record("Succeeded")
    ear.world.pod_changed(None, running)
    ear.world.pod_changed(running, done)
    ear.world.pod_changed(done, done)
    ear.world.pod_changed(done, None)
    assert [namespace for namespace, _ in ear.measured] == ["default"]
    ear.world.pod_changed(None, pod_record("Failed", uid="pod-2"))  # ended before we came
    assert len(ear.measured) == 1
