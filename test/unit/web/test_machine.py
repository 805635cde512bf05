"""Runs of this machine on pages: taken into an archive, read, and told what to do."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from jobflows.archive import Archive, FlowInfo, document, flows
from jobflows.engine.starts import APPROVED_PREFIX
from jobflows.engine.stopping import STOP_ANNOTATION
from jobflows.local import Session, Store, prepare, start
from jobflows.web.forms import Forms
from jobflows.web.machine.logs import MOST_BYTES, reader, tail
from jobflows.web.machine.orders import MachineOrders
from jobflows.web.machine.taking_in import TakingIn
from unit.web.conftest import reader as client_of

WORD = "the-word-of-this-site"


def flow(**spec: Any) -> dict[str, Any]:
    def shell(script: str) -> dict[str, Any]:
        main = {"name": "main", "image": "busybox:1.36", "command": ["sh", "-c", script]}
        return {"spec": {"template": {"spec": {"containers": [main]}}}}

    return {
        "apiVersion": "workflow.kube-zen.io/v1alpha1",
        "kind": "JobFlow",
        "metadata": {"name": "small"},
        "spec": {
            "steps": [
                {"name": "good", "template": shell("echo hello; printf '\\377'")},
                {"name": "bad", "template": shell("echo it broke at 17; exit 3")},
                {"name": "ask", "type": "Manual", "dependencies": ["good"]},
            ],
            **spec,
        },
    }


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a run has failed."""
    made = tmp_path_factory.mktemp("home")
    document = flow()
    document["spec"]["steps"].pop()
    start(document, home=made, name="broken")
    return made


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    with Archive.open(f"sqlite:///{tmp_path / 'archive.db'}", migrate=True) as opened:
        yield opened


def test_a_run_is_taken_in_once_with_its_logs(home: Path, archive: Archive) -> None:
    taking = TakingIn(archive, home)
    assert (taking.look(), taking.look()) == (1, 0)
    assert TakingIn(archive, home).look() == 1  # another program may do the same again
    client = client_of(archive, site={"logs": reader(home)})
    (found,) = client.get("/api/v1/flows").json()["items"]
    assert (found["name"], found["family"], found["origin"]) == ("broken", "small", "local")
    tried = client.get(f"/api/v1/flows/{found['id']}/attempts").json()["items"]
    assert {each["step"]: each["exit_code"] for each in tried} == {"good": 0, "bad": 3}
    log = client.get(f"/flows/{found['id']}/attempt?step=good&attempt=1").text
    assert "hello\n\N{REPLACEMENT CHARACTER}" in log
    (error,) = client.get("/api/v1/errors").json()["items"]
    assert error["sample"] == "it broke at 17"


def test_the_end_of_a_long_log_begins_with_a_line(tmp_path: Path) -> None:
    file = tmp_path / "main.log"
    file.write_bytes(b"line\n" * 100_000)
    found = tail(file)
    assert found is not None
    assert MOST_BYTES - 10 < len(found) <= MOST_BYTES
    assert found.startswith("line\n")
    assert tail(tmp_path / "none.log") is None


class Steered:
    """A run that waits, and a site that may tell it what to do."""

    def __init__(self, home: Path, archive: Archive) -> None:
        self.session: Session = prepare(flow(), home=home)
        self.home, self.archive = home, archive
        TakingIn(archive, home).look()
        how = {"orders": MachineOrders(home), "forms": Forms(WORD)}
        self.client: TestClient = client_of(archive, site=how)

    def give(self, order: str, **fields: str) -> Any:
        data = {"word": WORD, "order": order, **fields}
        return self.client.post(f"/flows/{self.session.id}/act", data=data)

    def flows(self) -> list[FlowInfo]:
        with self.archive.reading() as connection:
            return flows(connection).items

    def document(self) -> dict[str, Any]:
        with Store.open(self.home) as store:
            return store.run(self.session.name).document()


@pytest.fixture
def steered(tmp_path: Path, archive: Archive) -> Iterator[Steered]:
    made = Steered(tmp_path / "home", archive)
    yield made
    made.session.close()
    shutil.rmtree(made.home)


def test_orders_change_the_document_that_the_runner_follows(steered: Steered) -> None:
    taking = TakingIn(steered.archive, steered.home)
    taking.look()
    assert steered.give("pause").status_code == 303
    assert steered.document()["spec"]["suspend"] is True
    taking.look()
    with steered.archive.reading() as connection:
        taken = document(connection, steered.session.id)
    assert taken is not None
    assert taken["spec"]["suspend"] is True
    assert steered.give("unpause").status_code == 303
    assert steered.document()["spec"]["suspend"] is False
    assert steered.give("parallelism", value="3").status_code == 303
    assert steered.document()["spec"]["executionPolicy"]["parallelism"] == 3
    assert steered.give("approve", step="ask").status_code == 303
    assert steered.give("stop").status_code == 303
    notes = steered.document()["metadata"]["annotations"]
    assert (notes[APPROVED_PREFIX + "ask"], notes[STOP_ANNOTATION]) == ("true", "stop")


@pytest.mark.parametrize(
    ("order", "fields", "why"),
    [
        ("approve", {"step": "good"}, "step good of flow small-1 is no Manual step"),
        ("approve", {"step": "<b>"}, "has no step &#39;&lt;b&gt;&#39;"),
        ("parallelism", {"value": "-1"}, "a number from 0"),
        ("parallelism", {"value": "many"}, "a number from 0"),
        ("explode", {}, "no order"),
        ("pause", {"word": "guessed"}, "older than this server"),
        ("pause", {"word": ""}, "older than this server"),
    ],
)
def test_what_makes_no_sense_is_refused(
    steered: Steered, order: str, fields: dict[str, str], why: str
) -> None:
    before = steered.document()
    answer = steered.give(order, **fields)
    assert answer.status_code == 409
    assert why in answer.text
    assert steered.document() == before


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_forms_of_other_sites_are_refused(steered: Steered, headers: dict[str, str]) -> None:
    answer = steered.client.post(
        f"/flows/{steered.session.id}/act",
        data={"word": WORD, "order": "stop"},
        headers=headers,
    )
    assert answer.status_code == 409
    assert "another site" in answer.text
    assert STOP_ANNOTATION not in steered.document()["metadata"]["annotations"]


def test_only_runs_of_this_machine_have_buttons(steered: Steered, home: Path) -> None:
    assert WORD in steered.client.get(f"/flows/{steered.session.id}").text
    (info,) = steered.flows()
    assert not MachineOrders(home).possible(info)


def test_a_run_that_has_ended_takes_no_orders(home: Path, archive: Archive) -> None:
    TakingIn(archive, home).look()
    how = {"orders": MachineOrders(home), "forms": Forms(WORD)}
    client = client_of(archive, site=how)
    flow_id = client.get("/api/v1/flows").json()["items"][0]["id"]
    answer = client.post(f"/flows/{flow_id}/act", data={"word": WORD, "order": "stop"})
    assert answer.status_code == 409
    assert "Failed already" in answer.text
    page = client.get(f"/flows/{flow_id}").text
    assert '<form method="post"' not in page
    assert "jobflow resume broken" in page
