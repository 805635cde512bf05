"""Where the server is and who we are: in a pod, by kubeconfig, by plugin; and errors that help."""

from __future__ import annotations

import base64
import stat
from pathlib import Path
from typing import Any

import pytest
import yaml

from jobflows.cluster import Connection, LoginError, connect


def kubeconfig(folder: Path, user: dict[str, Any] | None = None, **cluster: Any) -> Path:
    path = folder / "config"
    config = {
        "current-context": "main",
        "contexts": [
            {"name": "main", "context": {"cluster": "c", "user": "u", "namespace": "team"}},
            {"name": "other", "context": {"cluster": "c", "user": "u"}},
            {"name": "broken", "context": {"cluster": "nowhere", "user": "u"}},
        ],
        "clusters": [{"name": "c", "cluster": {"server": "https://k8s:6443", **cluster}}],
        "users": [{"name": "u", "user": user or {}}],
    }
    path.write_text(yaml.safe_dump(config))
    return path


def pod(folder: Path) -> Path:
    account = folder / "serviceaccount"
    account.mkdir()
    (account / "token").write_text("secret")
    (account / "ca.crt").write_text("PEM")
    (account / "namespace").write_text("batch\n")
    return account


def test_in_a_pod_the_service_account_is_used(tmp_path: Path) -> None:
    account = pod(tmp_path)
    env = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"}
    found = connect(env=env, service_account=account)
    assert found == Connection(
        server="https://10.96.0.1:443",
        namespace="batch",
        ca_file=str(account / "ca.crt"),
        token_file=str(account / "token"),
    )


def test_in_a_pod_an_ipv6_address_is_bracketed(tmp_path: Path) -> None:
    found = connect(env={"KUBERNETES_SERVICE_HOST": "fd00::1"}, service_account=pod(tmp_path))
    assert found.server == "https://[fd00::1]:443"


def test_a_named_kubeconfig_or_context_wins_over_the_pod(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path, {"token": "t"})
    account = pod(tmp_path)
    env = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBECONFIG": str(path)}
    assert connect(str(path), env=env, service_account=account).namespace == "team"
    assert connect(None, "other", env=env, service_account=account).namespace == "default"


def test_home_is_the_last_place_to_look(tmp_path: Path) -> None:
    (tmp_path / ".kube").mkdir()
    kubeconfig(tmp_path / ".kube", {"token": "t"})
    found = connect(env={"HOME": str(tmp_path)}, service_account=tmp_path)
    assert (found.server, found.token) == ("https://k8s:6443", "t")


def test_tokens_certificates_and_cluster_options_are_read(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("ca")
    (tmp_path / "client.pem").write_text("cert")
    path = kubeconfig(
        tmp_path,
        {"client-certificate": "client.pem", "client-key-data": base64.b64encode(b"key").decode()},
        **{
            "certificate-authority": "ca.pem",
            "tls-server-name": "kubernetes",
            "proxy-url": "http://proxy:3128",
        },
    )
    found = connect(str(path), env={})
    assert found.ca_file == str(tmp_path / "ca.pem")
    assert (found.cert_file, found.key_data) == (str(tmp_path / "client.pem"), b"key")
    assert (found.tls_server_name, found.proxy_url) == ("kubernetes", "http://proxy:3128")
    assert "key" not in repr(found).replace("key_file", "")


def test_data_wins_over_files_and_the_token_over_its_file(tmp_path: Path) -> None:
    path = kubeconfig(
        tmp_path,
        {"token": "t", "tokenFile": "/nowhere"},
        **{"certificate-authority-data": "Y2E=", "certificate-authority": "/nowhere"},
    )
    found = connect(str(path), env={})
    assert (found.ca_data, found.ca_file) == (b"ca", None)
    assert (found.token, found.token_file) == ("t", None)


@pytest.mark.parametrize(
    ("user", "cluster", "message"),
    [
        ({"token": 5}, {}, "users[u].user.token: must be a string"),
        ({"tokenFile": "gone"}, {}, "users[u].user.tokenFile: no such file"),
        ({"client-key-data": "a2V5"}, {}, "users[u].user.client-certificate: missing"),
        ({"client-certificate-data": "Y2VydA=="}, {}, "users[u].user.client-key: missing"),
        ({"username": "me", "password": "x"}, {}, "users[u].user.username: not supported"),
        ({"token": "t", "as": "root"}, {}, "users[u].user.as: not supported"),
        ({}, {"server": "k8s:6443"}, "clusters[c].cluster.server: 'k8s:6443' is no http(s)"),
        ({}, {"server": ""}, "clusters[c].cluster.server: missing"),
        ({}, {"insecure-skip-tls-verify": "yes"}, "skip-tls-verify: must be true or false"),
        ({}, {"certificate-authority-data": "%"}, "authority-data: not base64"),
    ],
)
def test_errors_name_the_file_and_the_field(
    tmp_path: Path, user: dict[str, Any], cluster: dict[str, Any], message: str
) -> None:
    path = kubeconfig(tmp_path, user, **cluster)
    with pytest.raises(LoginError) as caught:
        connect(str(path), env={})
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)


def test_a_missing_context_cluster_or_file_is_named(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path)
    with pytest.raises(LoginError, match="contexts has no entry named 'prod'"):
        connect(str(path), "prod", env={})
    with pytest.raises(LoginError, match="clusters has no entry named 'nowhere'"):
        connect(str(path), "broken", env={})
    with pytest.raises(LoginError, match="no such kubeconfig"):
        connect(str(tmp_path / "gone"), env={})
    path.write_text("{a: [")
    with pytest.raises(LoginError, match="not YAML"):
        connect(str(path), env={})
    path.write_text("contexts: []")
    with pytest.raises(LoginError, match="current-context is not set"):
        connect(str(path), env={})


def test_of_several_kubeconfigs_the_existing_one_is_used_but_none_are_merged(
    tmp_path: Path,
) -> None:
    path = kubeconfig(tmp_path, {"token": "t"})
    assert connect(env={"KUBECONFIG": f"/gone:{path}"}, service_account=tmp_path).token == "t"
    with pytest.raises(LoginError, match="several files"):
        connect(env={"KUBECONFIG": f"{path}:{path}"}, service_account=tmp_path)


def test_an_exec_plugin_gives_its_token_again_and_again(tmp_path: Path) -> None:
    plugin = tmp_path / "plugin"
    plugin.write_text(
        "#!/bin/sh\n"
        'echo \'{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential",'
        '"status":{"token":"from-plugin"}}\'\n'
    )
    plugin.chmod(plugin.stat().st_mode | stat.S_IXUSR)
    exec_user = {"apiVersion": "client.authentication.k8s.io/v1", "command": str(plugin)}
    path = kubeconfig(tmp_path, {"exec": {**exec_user, "interactiveMode": "Never"}})
    found = connect(str(path), env={})
    assert found.token == "from-plugin"
    assert found.token_command is not None
    assert found.token_command() == "from-plugin"
    assert (found.server, found.namespace) == ("https://k8s:6443", "team")


def test_a_plugin_that_fails_is_a_login_error(tmp_path: Path) -> None:
    path = kubeconfig(
        tmp_path,
        {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "/nowhere/plugin"}},
    )
    with pytest.raises(LoginError, match="context main"):
        connect(str(path), env={})
