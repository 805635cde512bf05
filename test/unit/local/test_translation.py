"""Volumes and values: what can be had on one machine, and what is refused with a cure."""

from pathlib import Path
from typing import Any

import pytest

from jobflows.engine import FlowPhase, Reason, StepPhase
from unit.local.local_runs import container, run_flow, step

SETTINGS = {
    "configMapTemplates": [
        {"metadata": {"name": "settings"}, "data": {"mode": "fast", "run.sh": "echo from $1"}}
    ],
    "volumeClaimTemplates": [
        {
            "metadata": {"name": "data"},
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": "1Gi"}},
            },
        }
    ],
}


def mounting(script: str, volume: dict[str, Any], path: str, **mount: Any) -> dict[str, Any]:
    """A pod with one volume and one container that mounts it."""
    mounted = {"volumeMounts": [{"name": "v", "mountPath": path, **mount}]}
    return {"volumes": [{"name": "v", **volume}], "containers": [container(script, **mounted)]}


def test_a_claim_is_shared_by_steps_and_an_empty_dir_is_not(tmp_path: Path) -> None:
    claim = {"persistentVolumeClaim": {"claimName": "data"}}
    ran = run_flow(
        tmp_path,
        step("write", pod=mounting("echo kept > /data/x", claim, "/data")),
        step("read", pod=mounting("cat /mnt/x", claim, "/mnt"), dependencies=["write"]),
        step("other", pod=mounting("ls /data | wc -l", {"emptyDir": {}}, "/data")),
        resourceTemplates=SETTINGS,
    )
    assert ran.ledger.phase is FlowPhase.SUCCEEDED
    assert ran.log("read") == "kept\n"
    assert ran.log("other").strip() == "0"
    assert (tmp_path / "_volumes" / "flow-data" / "x").exists()


def test_a_config_map_becomes_files(tmp_path: Path) -> None:
    items = [{"key": "run.sh", "path": "bin/run.sh", "mode": 0o755}]
    whole = {"configMap": {"name": "settings"}}
    some = {"configMap": {"name": "settings", "items": items}}
    ran = run_flow(
        tmp_path,
        step("whole", pod=mounting("cat /etc/s/mode", whole, "/etc/s")),
        step("some", pod=mounting("sh /etc/s/bin/run.sh items; ls /etc/s", some, "/etc/s")),
        step("one", pod=mounting("cat /etc/mode", whole, "/etc/mode", subPath="mode")),
        resourceTemplates=SETTINGS,
    )
    assert (ran.log("whole"), ran.log("one")) == ("fast", "fast")
    assert ran.log("some").split() == ["from", "items", "bin"]


def test_the_working_directory_is_mapped(tmp_path: Path) -> None:
    pod = mounting("pwd", {"emptyDir": {}}, "/work")
    pod["containers"][0]["workingDir"] = "/work/"
    ran = run_flow(tmp_path, step("a", pod=pod), step("here", "pwd"))
    assert ran.log("a").strip().endswith("/a/1/_volumes/v")
    assert ran.log("here").strip() == str(Path.cwd())


def test_values_of_config_maps_and_fields_reach_the_environment(tmp_path: Path) -> None:
    env = [
        {"name": "MODE", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "mode"}}},
        {"name": "WHERE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}},
        {
            "name": "NONE",
            "valueFrom": {"secretKeyRef": {"name": "x", "key": "y", "optional": True}},
        },
    ]
    main = container(
        "echo $MODE $P_mode $WHERE ${NONE-unset}",
        env=env,
        envFrom=[{"prefix": "P_", "configMapRef": {"name": "settings"}}],
    )
    ran = run_flow(tmp_path, step("a", containers=[main]), resourceTemplates=SETTINGS)
    assert ran.log("a") == "fast fast default unset\n"


def test_a_secret_parameter_is_given_by_hand_and_written_nowhere(tmp_path: Path) -> None:
    source = {"name": "password", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}}
    main = container(
        'printf %s "$PASSWORD" | wc -c',
        env=[{"name": "PASSWORD", "value": "{{ parameters.password }}"}],
    )
    login = step("login", containers=[main], inputs={"parameters": [source]})
    refused = run_flow(tmp_path / "a", login)
    assert refused["login"].reason == Reason.REJECTED
    assert "--param NAME=VALUE" in refused["login"].message
    ran = run_flow(tmp_path / "b", login, params={"password": "hunter2-$(X)"})
    assert ran.log("login").strip() == "12"
    written = b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    assert b"hunter2" not in written


@pytest.mark.parametrize(
    ("pod", "words"),
    [
        ({"containers": [container(None)]}, "step a has no command: its image's entrypoint"),
        (mounting("true", {"hostPath": {"path": "/"}}, "/x"), "volumes[0] (v).hostPath"),
        (mounting("true", {"secret": {"secretName": "s"}}, "/x"), "Secret s is on the cluster"),
        (mounting("true", {"configMap": {"name": "far"}}, "/x"), "ConfigMap far is on the cluster"),
        (
            {
                "containers": [
                    container(
                        "true",
                        env=[
                            {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}
                        ],
                    )
                ]
            },
            "container main, env IP, fieldRef: status.podIP is known on a cluster only",
        ),
        (
            {"containers": [container("true", envFrom=[{"secretRef": {"name": "s"}}])]},
            "envFrom[0].secretRef",
        ),
        ({"containers": [container("true", workingDir="/no/such/dir")]}, "workingDir"),
        (
            mounting("true", {"emptyDir": {}}, "/x", subPath="../../.."),
            "volumeMounts[0].subPath: ../../.. leaves the volume",
        ),
    ],
)
def test_what_only_a_cluster_has_is_refused(
    tmp_path: Path, pod: dict[str, Any], words: str
) -> None:
    ran = run_flow(tmp_path, step("a", pod=pod, retryPolicy={"limit": 3}))
    assert (ran["a"].phase, ran["a"].reason) == (StepPhase.FAILED, Reason.REJECTED)
    assert words in ran["a"].message
    assert ran["a"].attempt == 1, "another try would end the same way"


def test_an_empty_dir_is_empty_in_every_run_and_a_claim_is_kept(tmp_path: Path) -> None:
    claim = {"persistentVolumeClaim": {"claimName": "data"}}
    script = "ls /v | wc -l; touch /v/x"
    for expected in ("0", "1"):
        ran = run_flow(
            tmp_path,
            step("scratch", pod=mounting(script, {"emptyDir": {}}, "/v")),
            step("keep", pod=mounting(script, claim, "/v")),
            resourceTemplates=SETTINGS,
        )
        assert ran.log("scratch").strip() == "0", "and the log is of this run only"
        assert ran.log("keep").strip() == expected
