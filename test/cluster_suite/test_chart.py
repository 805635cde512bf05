"""What the chart makes of its values, without a cluster."""

from __future__ import annotations

from collections import Counter
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from cluster_suite.helm import (
    CHART,
    OF_OTHER_PROJECTS,
    VALUE_FILES,
    Helm,
    Object,
    Objects,
    program,
)
from jobflows.cluster.login import SERVICE_ACCOUNT
from jobflows.controller.flags import app as operator
from jobflows.web.__main__ import app as pages_program
from unit.docs.pages import DOCS, Page

pytestmark = pytest.mark.cluster

IN_NO_NAMESPACE = {
    "ClusterRole",
    "ClusterRoleBinding",
    "CustomResourceDefinition",
    "FlowSchema",
    "MutatingWebhookConfiguration",
    "PriorityLevelConfiguration",
    "ValidatingWebhookConfiguration",
}
CI = {file.stem: file for file in VALUE_FILES}
PLAIN = {"enabled": True, "host": "jobflows.example.com", "tls": False}


def _web(**values: object) -> Object:
    return {"recorder": {"enabled": True}, "web": {"enabled": True, **values}}


def _ids(files: list[Path]) -> str:
    return files[0].stem if files else "defaults"


EVERY = pytest.mark.parametrize("files", [[], *([file] for file in VALUE_FILES)], ids=_ids)


@EVERY
def test_it_passes_helms_lint(helm: Helm, files: list[Path]) -> None:
    given = [word for file in files for word in ("--values", file)]
    assert "0 chart(s) failed" in helm("lint", "--strict", CHART, *given)


@EVERY
def test_objects_have_a_name_of_their_own_a_place_and_an_owner(
    helm: Helm, files: list[Path]
) -> None:
    objects = helm.objects(*files)
    names = Counter(
        (made["kind"], made["metadata"].get("namespace"), made["metadata"]["name"])
        for made in objects
    )
    assert set(names.values()) == {1}
    for made in objects:
        meta = made["metadata"]
        assert ("namespace" in meta) == (made["kind"] not in IN_NO_NAMESPACE), made["kind"]
        if made["kind"] != "CustomResourceDefinition":
            assert meta["labels"]["app.kubernetes.io/managed-by"] == "Helm", made["kind"]


@EVERY
def test_selectors_find_the_pod(helm: Helm, files: list[Path]) -> None:
    objects = helm.objects(*files)
    for name in {program(made) for made in objects.all("Deployment")}:
        _check_selectors([made for made in objects if program(made) == name])


def _check_selectors(objects: list[Object]) -> None:
    """The objects of one program find its pod, and its Service is found by who scrapes it."""

    def specs(kind: str) -> list[Object]:
        return [made["spec"] for made in objects if made["kind"] == kind]

    (deployment,) = specs("Deployment")
    labels = deployment["template"]["metadata"]["labels"]
    selectors = [deployment["selector"]["matchLabels"]]
    selectors += [spec["selector"] for spec in specs("Service")]
    selectors += [spec["podSelector"]["matchLabels"] for spec in specs("NetworkPolicy")]
    selectors += [spec["selector"]["matchLabels"] for spec in specs("PodDisruptionBudget")]
    for selector in selectors:
        assert selector.items() <= labels.items()
    services = [made["metadata"] for made in objects if made["kind"] == "Service"]
    for monitor in specs("ServiceMonitor"):
        (service,) = (
            each for each in services if each["name"].endswith("tor") or len(services) == 1
        )
        assert monitor["selector"]["matchLabels"].items() <= service["labels"].items()


def test_recorder_and_operator_share_no_pod_and_no_rights(helm: Helm) -> None:
    objects = helm.objects(CI["everything"])
    deployments = objects.all("Deployment")
    selectors = [made["spec"]["selector"]["matchLabels"] for made in deployments]
    for one, other in permutations(selectors, 2):
        assert not one.items() <= other.items()
    specs = {program(made): made["spec"]["template"]["spec"] for made in deployments}
    assert specs["operator"]["serviceAccountName"] != specs["recorder"]["serviceAccountName"]
    (roles,) = (made for made in objects.all("ClusterRole") if program(made) == "recorder")
    verbs = {verb for rule in roles["rules"] for verb in rule["verbs"]}
    assert verbs == {"get", "list", "watch", "patch"}


@pytest.mark.parametrize("period", [15, 0])
def test_the_recorder_may_ask_for_usage_only_where_it_does(helm: Helm, period: int) -> None:
    objects = helm.objects(recorder={"enabled": True, "usagePeriod": period})
    (role,) = (made for made in objects.all("ClusterRole") if program(made) == "recorder")
    rules = [rule for rule in role["rules"] if rule["apiGroups"] == ["metrics.k8s.io"]]
    page = Page(DOCS / "how-to" / "keep-an-archive.md")
    (told,) = (block.text for block in page.blocks() if block.file == "recorder-usage.yaml")
    assert rules == (yaml.safe_load(told) if period else [])
    (pod,) = (made for made in objects.all("Deployment") if program(made) == "recorder")
    args = pod["spec"]["template"]["spec"]["containers"][0]["args"]
    assert f"--usage-period={period}" in args


@pytest.mark.parametrize("file", ["everything", "pages"])
def test_the_pages_have_no_rights_and_their_service_finds_them(helm: Helm, file: str) -> None:
    objects = helm.objects(CI[file])
    pages = Objects([made for made in objects if program(made) == "web"])
    assert not {kind for kind in pages.kinds() if "Role" in kind or "Account" in kind}
    service, policy = (pages.all(kind)[0]["spec"] for kind in ("Service", "NetworkPolicy"))
    assert service["selector"] == policy["podSelector"]["matchLabels"]
    (template,) = (
        made["spec"]["template"]
        for made in objects.all("Deployment")
        if service["selector"].items() <= made["spec"]["template"]["metadata"]["labels"].items()
    )
    assert template["spec"]["automountServiceAccountToken"] is False
    (container,) = (c for c in template["spec"]["containers"] if c["name"] == "web")
    assert service["ports"][0]["targetPort"] == container["ports"][0]["name"]
    assert "account" not in {mount["name"] for mount in container["volumeMounts"]}
    web = typer.main.get_command(pages_program).make_context("web", list(container["args"]))
    assert str(web.params["token_file"]) == "/token/token"
    volumes = {volume["name"]: volume for volume in template["spec"]["volumes"]}
    assert volumes["token"]["secret"]["secretName"] == "pages"


def test_pages_read_the_database_that_the_recorder_writes(helm: Helm) -> None:
    (pod,) = (m for m in helm.objects(CI["pages"]).all("Deployment") if program(m) == "recorder")
    recorder, web = pod["spec"]["template"]["spec"]["containers"]
    assert recorder["args"][0] == web["args"][0]
    assert recorder["volumeMounts"][0] == web["volumeMounts"][0]
    assert {m["name"]: m["mountPath"] for m in recorder["volumeMounts"]}["account"] == str(
        SERVICE_ACCOUNT
    )
    assert "--allow-host=jobflows.example.com" in web["args"]
    objects = helm.objects(CI["everything"])
    recorder, web = (
        made["spec"]["template"]["spec"]["containers"][0]
        for made in objects.all("Deployment")
        if program(made) != "operator"
    )
    assert (recorder["args"][0], recorder["env"]) == (web["args"][0], web["env"])
    (policy,) = (m["spec"] for m in objects.all("NetworkPolicy") if program(m) == "web")
    assert {rule["port"] for rule in policy["egress"][0]["ports"]} == {53, 6432}
    assert policy["ingress"][0]["from"][0]["podSelector"]["matchLabels"] == {"app": "login"}


def test_people_sign_in_at_the_api_server_and_the_pages_have_no_token(helm: Helm) -> None:
    objects = helm.objects(CI["login"])
    (made,) = (m for m in objects.all("Deployment") if program(m) == "web")
    pod = made["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    (volume,) = pod["volumes"]
    assert volume["configMap"]["name"] == "kube-root-ca.crt"
    (container,) = pod["containers"]
    web = typer.main.get_command(pages_program).make_context("web", list(container["args"]))
    assert (web.params["login"], web.params["actions"]) == (True, True)
    assert web.params["api_server"] == "https://kubernetes.default.svc"
    authority = f"{container['volumeMounts'][0]['mountPath']}/ca.crt"
    assert str(web.params["api_server_ca"]) == authority
    assert web.params["allow_host"][-1] == "jobflows.example.com"
    (policy,) = (m["spec"] for m in objects.all("NetworkPolicy") if program(m) == "web")
    assert policy["egress"][1] == {
        "ports": [{"protocol": "TCP", "port": 6443}],
        "to": [{"ipBlock": {"cidr": "10.0.0.0/24"}}],
    }
    (ingress,), service = objects.all("Ingress"), policy["podSelector"]["matchLabels"]
    (rule,) = ingress["spec"]["rules"]
    backend = rule["http"]["paths"][0]["backend"]["service"]
    (found,) = (m for m in objects.all("Service") if m["metadata"]["name"] == backend["name"])
    assert found["spec"]["selector"] == service
    assert backend["port"]["name"] == found["spec"]["ports"][0]["name"]
    assert ingress["spec"]["tls"] == [{"hosts": [rule["host"]], "secretName": "jobflows-tls"}]
    assert ingress["metadata"]["annotations"] == {"cert-manager.io/issuer": "lab"}


@EVERY
def test_pods_are_as_locked_up_as_can_be(helm: Helm, files: list[Path]) -> None:
    objects = helm.objects(*files)
    for pod in (made["spec"]["template"]["spec"] for made in objects.all("Deployment")):
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert "hostNetwork" not in pod
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert "memory" in container["resources"]["limits"]


@EVERY
def test_the_operator_takes_every_flag(helm: Helm, files: list[Path]) -> None:
    read = typer.main.get_command(operator).make_context("operator", helm.objects(*files).args)
    assert read.params["metrics_address"].startswith(":")


@EVERY
@pytest.mark.parametrize("version", ["1.29", "1.31", "1.34", "1.37"])
def test_kubernetes_of_many_versions_know_every_field(
    helm: Helm, files: list[Path], version: str
) -> None:
    schemas = pytest.importorskip("kubernetes_validate", reason="make test-cluster installs it")
    for made in helm.objects(*files):
        if made["kind"] not in OF_OTHER_PROJECTS:
            schemas.validate(made, version, strict=True)


def test_values_become_flags(helm: Helm) -> None:
    args = helm.objects(CI["namespaced"]).args
    assert "--watch-namespace=genomics" in args
    assert "--max-concurrent-jobs=1000000" in args, "large numbers are written in full"
    assert "--label-selector=team=genomics,tier!=test" in args
    assert "--dry-run=true" in helm.objects(CI["everything"]).args
    assert not [word for word in helm.objects().args if word.startswith("--label-selector")]


def test_the_crd_outlives_the_release_and_can_be_left_out(helm: Helm) -> None:
    crd = helm.objects().the("CustomResourceDefinition")
    assert crd["metadata"].pop("annotations") == {"helm.sh/resource-policy": "keep"}
    assert crd == yaml.safe_load((CHART / "files" / "crd.yaml").read_text())
    assert not helm.objects(crds__install=False).all("CustomResourceDefinition")


def test_for_one_namespace_nothing_is_made_outside_of_namespaces(helm: Helm) -> None:
    objects = helm.objects(CI["namespaced"], namespace="batch")
    assert not set(objects.kinds()) & IN_NO_NAMESPACE
    role, binding = objects.the("Role"), objects.the("RoleBinding")
    assert role["metadata"]["namespace"] == binding["metadata"]["namespace"] == "genomics"
    account = objects.the("ServiceAccount")["metadata"]
    assert binding["subjects"] == [
        {"kind": "ServiceAccount", "name": account["name"], "namespace": "batch"}
    ]


def test_rights_are_the_same_in_one_namespace_and_in_all(helm: Helm) -> None:
    everywhere = _operators_role(helm.objects())
    assert everywhere["rules"] == helm.objects(CI["namespaced"]).the("Role")["rules"]
    assert everywhere["rules"] == yaml.safe_load((CHART / "files" / "rules.yaml").read_text())
    assert "*" not in str(everywhere["rules"])
    assert "secrets" not in str(everywhere["rules"])


def test_replicas_agree_by_leases_in_the_namespace_of_the_release(helm: Helm) -> None:
    objects = helm.objects(CI["namespaced"], namespace="batch", replicas=3)
    (role,) = (made for made in objects.all("Role") if program(made) == "election")
    (binding,) = (made for made in objects.all("RoleBinding") if program(made) == "election")
    assert role["metadata"]["namespace"] == binding["metadata"]["namespace"] == "batch"
    assert role["rules"] == yaml.safe_load((CHART / "files" / "lease-rules.yaml").read_text())
    assert binding["subjects"][0]["name"] == objects.the("ServiceAccount")["metadata"]["name"]
    assert objects.the("Deployment")["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    assert {"--lease-name=jobflows-operator", "--lease-namespace=batch"} <= set(objects.args)
    assert {"--leader-elect=true", "--shards=1", "--lease-duration=5s"} <= set(objects.args)


def test_without_an_election_there_is_one_at_a_time(helm: Helm) -> None:
    objects = helm.objects(operator__leaderElect=False)
    assert objects.the("Deployment")["spec"]["strategy"] == {"type": "Recreate"}
    assert not [made for made in objects if program(made) == "election"]
    assert "--leader-elect=false" in objects.args


def test_two_releases_share_no_object(helm: Helm) -> None:
    def names(namespace: str) -> set[tuple[str, str, str]]:
        objects = helm.objects(CI["everything"], namespace=namespace, crds__install=False)
        return {
            (m["kind"], m["metadata"].get("namespace", ""), m["metadata"]["name"]) for m in objects
        }

    assert not names("a") & names("b")


def test_what_comes_from_elsewhere_is_not_made(helm: Helm) -> None:
    objects = helm.objects(CI["brought-along"])
    assert objects.kinds() == ["Deployment", "Service"]
    assert objects.pod["serviceAccountName"] == "mine"
    assert not objects.pod["securityContext"].keys() & {"runAsUser", "runAsGroup"}


def test_every_option_is_made(helm: Helm) -> None:
    objects = helm.objects(CI["everything"])
    assert set(objects.kinds()) >= {
        "ConfigMap",
        "FlowSchema",
        "NetworkPolicy",
        "PodDisruptionBudget",
        "PriorityLevelConfiguration",
        "PrometheusRule",
        "ServiceMonitor",
        "VerticalPodAutoscaler",
    }
    assert objects.container["image"].endswith("jobflow-operator@sha256:" + "0123456789abcdef" * 4)
    policy = objects.the("NetworkPolicy")["spec"]
    assert policy["egress"] == [
        {
            "ports": [{"protocol": "TCP", "port": 6443}],
            "to": [{"ipBlock": {"cidr": "10.0.0.0/24"}}],
        }
    ]
    assert policy["ingress"][0]["from"][0]["namespaceSelector"]["matchLabels"]


@pytest.mark.parametrize("file", ["webhook", "cert-manager", "own-certificate"])
def test_a_stopped_operator_holds_up_no_status_no_deletion_and_no_defaults(
    helm: Helm, file: str
) -> None:
    objects = helm.objects(CI[file])
    (validate,) = objects.the("ValidatingWebhookConfiguration")["webhooks"]
    (default,) = objects.the("MutatingWebhookConfiguration")["webhooks"]
    for hook in (validate, default):
        (rule,) = hook["rules"]
        assert (rule["resources"], rule["operations"]) == (["jobflows"], ["CREATE", "UPDATE"])
        assert "deletionTimestamp" in hook["matchConditions"][0]["expression"]
    assert default["failurePolicy"] == "Ignore"
    service = objects.all("Service")[-1]
    called = validate["clientConfig"]["service"]
    assert (called["name"], called["path"]) == (service["metadata"]["name"], "/validate")
    assert {"port": "webhook", "protocol": "TCP"} in [
        port for one in objects.the("NetworkPolicy")["spec"]["ingress"] for port in one["ports"]
    ]


def test_a_self_managed_certificate_takes_rights_on_three_names_and_no_more(helm: Helm) -> None:
    objects = helm.objects(CI["webhook"])
    name = objects.the("Secret")["metadata"]["name"]
    assert {made["metadata"]["name"] for made in objects if "Webhook" in made["kind"]} == {name}
    (secret,) = objects.the("Role")["rules"]
    assert secret == {
        "apiGroups": [""],
        "resources": ["secrets"],
        "resourceNames": [name],
        "verbs": ["get", "patch"],
    }
    (role,) = (m for m in objects.all("ClusterRole") if m["metadata"]["name"].endswith("-webhook"))
    ask, register = role["rules"]
    assert (ask["resources"], ask["verbs"]) == (["subjectaccessreviews"], ["create"])
    assert (register["resourceNames"], register["verbs"]) == ([name], ["get", "patch"])
    assert f"--webhook-self-managed={name}" in objects.args
    assert "--webhook-service=jobflows-webhook.jobflow-system.svc" in objects.args


def test_a_certificate_from_elsewhere_takes_no_rights(helm: Helm) -> None:
    objects = helm.objects(CI["cert-manager"])
    certificate = objects.the("Certificate")["spec"]
    assert certificate["dnsNames"] == ["jobflows-webhook.jobflow-system.svc"]
    (volume,) = objects.pod["volumes"]
    assert volume["secret"]["secretName"] == certificate["secretName"]
    injected = "jobflow-system/" + objects.the("Certificate")["metadata"]["name"]
    validating = objects.the("ValidatingWebhookConfiguration")
    assert validating["metadata"]["annotations"] == {"cert-manager.io/inject-ca-from": injected}
    assert validating["webhooks"][0]["namespaceSelector"] == {
        "matchLabels": {"kubernetes.io/metadata.name": "genomics"}
    }
    own = helm.objects(CI["own-certificate"])
    assert own.pod["volumes"][0]["secret"]["secretName"] == "webhook-certificate"
    hook = own.the("ValidatingWebhookConfiguration")["webhooks"][0]
    assert hook["clientConfig"]["caBundle"] == "LS0tLS1CRUdJTg=="
    for made in (*objects, *own):
        assert "secrets" not in str(made.get("rules"))


@pytest.mark.parametrize("kind", ["alerts", "recording"])
def test_rules_of_prometheus_are_the_files(helm: Helm, kind: str) -> None:
    objects = helm.objects(CI["everything"])
    (rule,) = (m for m in objects.all("PrometheusRule") if m["metadata"]["name"].endswith(kind))
    assert rule["spec"] == yaml.safe_load((CHART / "files" / f"{kind}.yaml").read_text())


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"replicas": -1}, "replicas"),
        ({"replicas": 2, "operator": {"leaderElect": False}}, "operator.leaderElect"),
        ({"operator": {"maxConcurrentReconsiles": 3}}, "maxConcurrentReconsiles"),
        ({"operator": {"events": "some"}}, "events"),
        ({"watchNamespace": "Team_A"}, "watchNamespace"),
        ({"image": {"digest": "sha256:1"}}, "digest"),
        ({"networkPolicy": {"apiServer": {"ports": []}}}, "ports"),
        ({"webhook": {"certificates": "secret", "enabled": True}}, "secretName"),
        ({"web": {"enabled": True}}, "set recorder.enabled as well"),
        (_web(actions=True), "set web.login.enabled as well"),
        (_web(login={"enabled": True}, tokenSecret="x"), "web.tokenSecret"),
        (_web(ingress={"enabled": True}), "web.ingress.host"),
        (_web(login={"enabled": True}, ingress=PLAIN), "web.ingress.tls"),
        ({"web": {"enabled": True, "port": 8081}, "recorder": {"enabled": True}}, "web.port"),
        ({"serviceAccount": {"create": False}}, "serviceAccount.name: name the account"),
    ],
    ids=lambda case: next(iter(case)) if isinstance(case, dict) else "",
)
def test_values_that_cannot_be_used_are_named(
    helm: Helm, tmp_path: Path, values: dict[str, Any], words: str
) -> None:
    file = tmp_path / "values.yaml"
    file.write_text(yaml.safe_dump(values))
    assert words in helm.refused("template", "jobflows", CHART, "--values", file)


def test_an_old_kubernetes_is_refused(helm: Helm) -> None:
    said = helm.refused("template", "jobflows", CHART, "--kube-version", "1.28.9")
    assert "kubeVersion: >=1.29.0" in said


def _operators_role(objects: Objects) -> dict[str, Any]:
    bound = objects.the("ClusterRoleBinding")["roleRef"]["name"]
    (role,) = (made for made in objects.all("ClusterRole") if made["metadata"]["name"] == bound)
    return role
