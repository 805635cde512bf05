"""The chart and the image, from a cluster that knows nothing of JobFlow and back again."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cluster import Record, own_images
from cluster_suite.audit import calls
from cluster_suite.flows import flow, manual
from cluster_suite.helm import CHART, Helm, ensure_helm
from cluster_suite.kube import Kube, steps
from cluster_suite.process import write_kubeconfig
from cluster_suite.session import bring_up, fresh_namespace
from e2e.folders import claimed
from e2e.pods import shell
from jobflows.manifests.labels import ARCHIVED
from unit.docs.pages import DOCS, Page
from unit.docs.session import Session

pytestmark = pytest.mark.e2e

SYSTEM = "jobflow-system"
REPOSITORY = "registry.example.com/jobflow-operator"
USER = f"system:serviceaccount:{SYSTEM}:jobflows-operator"
FLOWS = 20
EXAMPLES = CHART.parents[2] / "examples"


@pytest.fixture(scope="module")
def bare() -> Iterator[Record]:
    """A cluster of real pods without the CRD, whose registry has the operator's image."""
    for record in bring_up("install", "real", crd=False):
        if record.provider != "binaries":
            pytest.skip("the image of the operator is made for the cluster of this repository")
        own_images.ensure("operator", f"{REPOSITORY}:0.1.0")
        yield record


@pytest.fixture(scope="module")
def helm(bare: Record) -> Helm:
    """helm on that cluster."""
    return Helm(ensure_helm(), bare.kubeconfig)


@pytest.fixture
def installed(bare: Record, helm: Helm) -> Iterator[Kube]:
    """The chart, installed in a namespace that enforces restricted Pod Security."""
    system = Kube(bare.kubeconfig, SYSTEM, bare.kubectl)
    label = {"pod-security.kubernetes.io/enforce": "restricted"}
    meta = {"name": SYSTEM, "labels": label}
    system.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": meta})
    install(helm, "install")
    yield system
    helm("uninstall", "jobflows", "--namespace", SYSTEM, "--ignore-not-found", "--wait")
    system("delete", "namespace", SYSTEM)


@pytest.fixture
def kube(bare: Record, request: pytest.FixtureRequest) -> Iterator[Kube]:
    """kubectl in a namespace of the test's own, for flows."""
    kube = fresh_namespace(bare, request.node.name)
    yield kube
    kube("delete", "namespace", kube.namespace)


@pytest.fixture
def gate(kube: Kube) -> Iterator[Path]:
    """A folder that pods see."""
    folder = Path("/var/tmp", kube.namespace)
    folder.mkdir()
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def claim(installed: Kube) -> Iterator[None]:
    """A volume for the recorder's claim, which nobody else makes."""
    with claimed(installed, SYSTEM, "jobflows-recorder"):
        yield
        installed("delete", "deployment", "jobflows-recorder", "--cascade=foreground")


def install(helm: Helm, verb: str, *more: str) -> None:
    """Install or upgrade, and wait until the operator is ready."""
    where = ("--namespace", SYSTEM, "--set", f"image.repository={REPOSITORY}")
    helm(verb, "jobflows", CHART, *where, "--wait", "--timeout=2m", *more)


def test_the_commands_of_the_page_do_what_it_says(bare: Record, helm: Helm, tmp_path: Path) -> None:
    page = Page(DOCS / "how-to" / "install.md")
    config = write_kubeconfig(bare, "admin", tmp_path / "kubeconfig")
    programs = [str(helm.program.parent), str(Path(bare.kubectl).parent), os.environ["PATH"]]
    terminal = Session(tmp_path, {"KUBECONFIG": str(config), "PATH": ":".join(programs)})
    try:
        for block in page.blocks():
            if block.is_commands and "chart" in block.needs:
                terminal.run(block, page.name)
    finally:  # half a page must not be in the way of the other tests
        helm("uninstall", "jobflows", "--namespace", SYSTEM, "--ignore-not-found", "--wait")


@pytest.mark.skipif(shutil.which("jq") is None, reason="the page takes flows apart with jq")
def test_flows_come_back_as_the_page_says(bare: Record, installed: Kube, tmp_path: Path) -> None:
    page = Page(DOCS / "how-to" / "back-up.md")
    config = write_kubeconfig(bare, "admin", tmp_path / "kubeconfig")
    path = f"{Path(bare.kubectl).parent}:{os.environ['PATH']}"
    terminal = Session(tmp_path, {"KUBECONFIG": str(config), "PATH": path})
    lost = installed.within("default")
    for group in ("cluster", "chart"):
        for block in page.blocks():
            if block.is_commands and group in block.needs:
                terminal.run(block, page.name)
        if group == "cluster":
            lost("delete", "jobflow", "--all", "--cascade=foreground")
    assert lost.find("jobs") == [], "a step that had ended ran again"
    lost("delete", "jobflow", "--all")


def test_the_pod_cannot_write_and_has_no_shell(installed: Kube) -> None:
    pod = ("deployment/jobflows-operator", "--")
    script = "import os; print(os.getuid(), os.access('/', os.W_OK), os.access('/tmp', os.W_OK))"
    assert installed("exec", *pod, "python3", "-c", script).split() == ["65532", "False", "False"]
    assert "executable file not found" in installed.refused("exec", *pod, "sh", "-c", "true")


def test_an_upgrade_amid_running_flows_loses_and_doubles_nothing(
    bare: Record, installed: Kube, helm: Helm, kube: Kube, gate: Path
) -> None:
    # Half of them go on while the operator is replaced, half wait until it is.
    names = [f"flow-{number}" for number in range(FLOWS)]
    kube.apply(*(_flow(name, gate if n % 2 else None) for n, name in enumerate(names)))
    kube.step_reaches(names[-1], "a", "Running")
    before = {job["metadata"]["name"]: job["metadata"]["uid"] for job in kube.find("jobs")}
    old = _operator(installed)
    # With a user that nobody knows, as OpenShift has it.
    users = "podSecurityContext.runAsUser=1000650000"
    install(helm, "upgrade", "--set", f"operator.maxConcurrentReconciles=20,{users}")
    installed("rollout", "status", "deployment/jobflows-operator", "--timeout=2m")
    assert _operator(installed) != old, "nothing was replaced"
    assert {kube.flow(name)["phase"] for name in names[1::2]} == {"Running"}
    (gate / "open").touch()
    for name in names:
        done = steps(kube.ends(name, seconds=180))
        assert {step: record["attempt"] for step, record in done.items()} == {"a": 1, "b": 1}
    after = {job["metadata"]["name"]: job["metadata"]["uid"] for job in kube.find("jobs")}
    assert sorted(after) == sorted(f"{name}-{step}-1" for name in names for step in "ab")
    assert before.items() <= after.items(), "a Job was made anew"
    assert bare.audit_log is not None
    created = calls(Path(bare.audit_log), kube, USER, "create jobs")
    assert sorted(name for name, code in created if code == 201) == sorted(after)


def test_uninstalling_leaves_flows_that_go_on_after_the_next_install(
    installed: Kube, helm: Helm, kube: Kube, gate: Path
) -> None:
    kube.apply(_flow("goes-on", gate))
    kube.step_reaches("goes-on", "a", "Running")
    said = helm("uninstall", "jobflows", "--namespace", SYSTEM, "--wait")
    assert "kept due to the resource policy" in said
    assert not installed.find("deployments")
    (gate / "open").touch()
    kube("wait", "job/goes-on-a-1", "--for=condition=Complete", "--timeout=60s")
    assert steps(kube.flow("goes-on"))["a"]["phase"] == "Running", "nobody keeps the ledger"
    install(helm, "install")
    done = steps(kube.ends("goes-on"))
    assert {step: record["attempt"] for step, record in done.items()} == {"a": 1, "b": 1}


def test_a_webhook_whose_operator_is_away_stops_writers_and_nothing_else(
    installed: Kube, helm: Helm, kube: Kube, gate: Path
) -> None:
    install(helm, "upgrade", "--set", "webhook.enabled=true,webhook.timeoutSeconds=5")
    kube.apply(_flow("good", gate), _flow("bygone"))
    kube.step_reaches("good", "a", "Running")
    kube.ends("bygone")
    wrong = _flow("good", gate)
    wrong["spec"]["steps"][1]["dependencies"] = ["nobody"]
    assert "no step 'nobody'" in kube.refused("apply", "-f", "-", stdin=wrong)
    installed("scale", "deployment/jobflows-operator", "--replicas=0")
    installed("wait", "pods", "--all", "--for=delete", "--timeout=60s")
    assert "failed calling webhook" in kube.refused("apply", "-f", "-", stdin=_flow("other"))
    assert "failed calling webhook" in kube.refused("apply", "-f", "-", stdin=wrong)
    kube.patch(
        "jf", "good", {"status": {"message": "as the operator would"}}, "--subresource=status"
    )
    kube("label", "jf", "good", "team=genomics")
    kube("delete", "jf", "bygone", "--cascade=foreground", "--timeout=60s")
    installed("scale", "deployment/jobflows-operator", "--replicas=1")
    installed("rollout", "status", "deployment/jobflows-operator", "--timeout=60s")
    (gate / "open").touch()
    kube.ends("good")
    install(helm, "upgrade", "--set", "webhook.enabled=false")
    assert not installed.find("validatingwebhookconfigurations", "app.kubernetes.io/name=jobflows")


def test_the_crd_is_upgraded_and_survives_leaving_the_release(
    installed: Kube, helm: Helm, kube: Kube
) -> None:
    name = "jobflows.workflow.kube-zen.io"
    column = [{"op": "remove", "path": "/spec/versions/0/additionalPrinterColumns/1"}]
    installed("patch", "crd", name, "--type=json", "--patch", json.dumps(column))
    kube.apply(_flow("kept"))
    install(helm, "upgrade")
    columns = installed.get("crd", name)["spec"]["versions"][0]["additionalPrinterColumns"]
    assert [column["name"] for column in columns] == ["Phase", "Progress", "Age", "Reason"]
    install(helm, "upgrade", "--set", "crds.install=false")
    assert installed.get("crd", name)["metadata"].get("deletionTimestamp") is None
    kube.ends("kept")


def test_the_archive_is_kept_in_a_pod_and_shown_to_whom_it_may_be(
    bare: Record, installed: Kube, helm: Helm, kube: Kube, claim: None
) -> None:
    more = "recorder.enabled=true,web.enabled=true,recorder.database.size=1Gi"
    install(helm, "upgrade", "--set", more)
    failing = {"name": "a", "template": shell("echo '<b>no luck</b>' >&2; exit 3")}
    kube.apply(flow("fails", failing))
    kube("apply", "-f", str(EXAMPLES / "linear.yaml"))
    kube.ends("fails", "Failed")
    kube.ends("linear")
    for name in ("fails", "linear"):
        kube.until("jf", name, lambda f: f["metadata"].get("annotations", {}).get(ARCHIVED) == "1")
    uids = {name: kube.get("jf", name)["metadata"]["uid"] for name in ("fails", "linear")}

    def read(path: str) -> str:
        service = f"/api/v1/namespaces/{SYSTEM}/services/jobflows-web:web/proxy"
        return installed("get", "--raw", f"{service}{path}")

    found = json.loads(read("/api/v1/flows"))["items"]
    assert {each["id"]: each["phase"] for each in found} == {
        uids["fails"]: "Failed",
        uids["linear"]: "Succeeded",
    }
    tried = json.loads(read(f"/api/v1/flows/{uids['linear']}/attempts"))["items"]
    done = steps(kube.flow("linear"))
    assert {each["step"]: each["phase"] for each in tried} == dict.fromkeys(done, "Succeeded")
    assert all(each["pod"] and each["node"] and each["finished"] for each in tried)
    log = json.loads(read(f"/api/v1/flows/{uids['fails']}/log?step=a&attempt=1"))
    assert log["tail"] == "<b>no luck</b>\n"
    page = read(f"/flows/{uids['fails']}/attempt?step=a&attempt=1")
    assert "&lt;b&gt;no luck&lt;/b&gt;" in page

    kube.apply(flow("release", {"name": "a", "template": shell("true")}, manual("ask", "a")))
    kube.reaches("release", "Paused")
    _archive_elsewhere(installed.within("default"))  # and with it all that was before
    login = f"web.login.enabled=true,web.actions=true,web.login.apiServer={bare.server}"
    install(helm, "upgrade", "--set", f"{more},{login}")
    told = _people_sign_in(installed, kube, vera="view", otto="", nobody=None, ada="edit")
    assert told["unknown"] == 401
    assert told["nobody"]["signed_in"] == 401
    mine = ["fails", "linear", "release"]
    assert [told[name]["sees"] for name in ("ada", "vera", "otto")] == [mine, mine, []]
    assert [told[name]["page"] for name in ("ada", "vera", "otto")] == [200, 200, 404]
    assert [told[name]["buttons"] for name in ("ada", "vera")] == [True, False]
    for order in ("pause", "approve"):
        code, words = told["vera"][order]
        assert (code, "cannot patch resource" in words) == (403, True), words
        assert told["otto"][order][0] == 404
    for order in ("pause", "unpause", "approve"):
        assert told["ada"][order][0] == 303, told["ada"][order]
    done = steps(kube.ends("release"))
    assert {name: step["phase"] for name, step in done.items()} == {
        "a": "Succeeded",
        "ask": "Succeeded",
    }


def _archive_elsewhere(kube: Kube) -> None:
    """A flow of another namespace that ends without pods."""
    kube.apply(flow("elsewhere", {"name": "a", "template": shell("true"), "dependencies": ["b"]}))
    kube.until("jf", "elsewhere", lambda f: ARCHIVED in f["metadata"].get("annotations", {}))
    kube("delete", "jf", "elsewhere")


def _people_sign_in(system: Kube, kube: Kube, **roles: str | None) -> dict[str, Any]:
    """People with these roles in the namespace of `kube`, or with no good token at all."""
    tokens = {}
    for name, role in roles.items():
        if role is None:
            tokens[name] = "eyJhbGciOiJub25lIn0.e30."
            continue
        kube("create", "serviceaccount", name)
        if role:
            who = f"--serviceaccount={kube.namespace}:{name}"
            kube("create", "rolebinding", name, f"--clusterrole={role}", who)
        tokens[name] = kube("create", "token", name).strip()
    given = {"tokens": tokens, "flow": kube.get("jf", "release")["metadata"]["uid"], "port": 8080}
    script = Path(__file__).with_name("signing_in_a_pod.py").read_text()
    pod = ("exec", "-i", "deployment/jobflows-recorder", "-c", "web", "--", "python3", "-")
    told: dict[str, Any] = json.loads(system(*pod, json.dumps(given), stdin=script))
    return told


def _flow(name: str, gate: Path | None = None) -> dict[str, Any]:
    """Two steps; the first takes a while, or until the gate is open."""
    work = shell("sleep 2" if gate is None else "while [ ! -e /gate/open ]; do sleep 0.2; done")
    if gate is not None:
        pod = work["spec"]["template"]["spec"]
        pod["volumes"] = [{"name": "gate", "hostPath": {"path": str(gate)}}]
        pod["containers"][0]["volumeMounts"] = [{"name": "gate", "mountPath": "/gate"}]
    then = {"name": "b", "template": shell("true"), "dependencies": ["a"]}
    return flow(name, {"name": "a", "template": work}, then)


def _operator(system: Kube) -> str:
    """The pod of the operator."""
    (pod,) = (p for p in system.find("pods") if "deletionTimestamp" not in p["metadata"])
    name: str = pod["metadata"]["name"]
    return name
