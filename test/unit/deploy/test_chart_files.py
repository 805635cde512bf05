"""What the chart and the images repeat is the same as what it repeats."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import fields
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator  # type: ignore[import-untyped] # no stubs wanted

from cluster.own_images import RUN, Target
from jobflows import __version__
from jobflows.api.durations import parse_duration
from jobflows.controller.settings import Settings
from unit.docs.pages import DOCS, ROOT, Page

CHART = ROOT / "deploy" / "helm" / "jobflows"
VALUES: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text())
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
SCHEMA: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text())

SET_OTHERWISE = {
    "watch_namespace": "watchNamespace",
    "metrics_address": "metrics.port",
    "identity": "the pod's name",
    "kubeconfig": "the pod's service account",
    "context": "the same",
    "authorize_users": "webhook.authorizeUsers",
    "webhook_port": "webhook.port",
    "webhook_certificates": "webhook.certificates",
    "webhook_self_managed": "webhook.certificates",
    "webhook_service": "the release",
    "webhook_certificate_lifetime": "the operator's default",
    "pod_namespace": "the service account's",
    "lease_name": "the release",
    "lease_namespace": "the release",
}
"""Settings that are no key of `operator`, and where they come from."""


def test_the_crd_in_the_chart_is_the_crd() -> None:
    own = (CHART / "files" / "crd.yaml").read_text()
    assert own == (ROOT / "crds" / "workflow.kube-zen.io_jobflows.yaml").read_text(), "make crds"
    assert own.count("\nmetadata:\n") == 1, "where the chart puts its annotation"


def test_the_values_fit_their_schema() -> None:
    Draft7Validator.check_schema(SCHEMA)
    problems = list(Draft7Validator(SCHEMA).iter_errors(VALUES))
    assert not problems
    for file in (CHART / "ci").glob("*.yaml"):
        given = yaml.safe_load(file.read_text())
        assert not list(Draft7Validator(SCHEMA).iter_errors(given)), file.name


def test_every_value_is_in_the_schema_and_the_other_way_round() -> None:
    assert set(_paths(SCHEMA)) - {"global"} == set(_keys(VALUES, SCHEMA))


def test_every_setting_of_the_operator_is_a_value_with_its_default() -> None:
    default = Settings(identity="x")
    wanted = {
        _camel(field.name): getattr(default, field.name)
        for field in fields(Settings)
        if field.name not in SET_OTHERWISE
    }
    given = dict(VALUES["operator"])
    for duration in ("statusBatchPeriod", "leaseDuration"):
        given[duration] = parse_duration(given[duration])
    assert given == wanted


def test_the_rules_of_the_chart_are_those_of_the_security_page() -> None:
    page = Page(DOCS / "explanation" / "security.md")
    (role,) = (block.text for block in page.blocks() if block.file == "role.yaml")
    rules = yaml.safe_load((CHART / "files" / "rules.yaml").read_text())
    assert yaml.safe_load(role)["rules"] == rules


def test_the_rules_for_leases_are_those_of_the_security_page() -> None:
    page = Page(DOCS / "explanation" / "security.md")
    (role,) = (block.text for block in page.blocks() if block.file == "lease-role.yaml")
    rules = yaml.safe_load((CHART / "files" / "lease-rules.yaml").read_text())
    assert yaml.safe_load(role)["rules"] == rules


def test_the_recorders_rules_are_those_of_the_page_on_the_archive() -> None:
    page = Page(DOCS / "how-to" / "keep-an-archive.md")
    (role,) = (block.text for block in page.blocks() if block.file == "recorder-role.yaml")
    rules = yaml.safe_load((CHART / "files" / "recorder-rules.yaml").read_text())
    assert yaml.safe_load(role)["rules"] == rules


def test_versions_agree() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["version"] == chart["appVersion"] == PROJECT["version"] == __version__


def test_the_images_wheels_are_those_that_are_tested() -> None:
    tested, installed = _pins("requirements.lock"), _pins("requirements-operator.lock")
    assert installed.items() <= tested.items(), "make lock"
    extras = PROJECT["optional-dependencies"]
    names = {pin.partition("==")[0] for pin in installed}
    wanted = [*PROJECT["dependencies"], *extras["client"]]
    wanted += [*extras["operator"][1:], *extras["archive"][1:], *extras["web"][1:]]
    assert {_package(line) for line in wanted} <= names, "make lock"
    assert "kubernetes" not in names, "126 MB that no pod needs"


@pytest.mark.parametrize("target", ["operator", "runtime"])
def test_images_made_without_an_engine_run_like_those_of_the_dockerfile(target: Target) -> None:
    text = (ROOT / "deploy" / "Dockerfile").read_text()
    (stage,) = re.findall(rf"^FROM scratch AS {target}\n((?:\S.*\n)+)", text, re.MULTILINE)
    said: dict[str, Any] = {"Cmd": []} if target == "operator" else {}
    for line in stage.splitlines():
        word, _, rest = line.partition(" ")
        if word == "ENV":
            said["Env"] = rest.split()
        elif word == "USER":
            said["User"] = rest
        elif word in ("CMD", "ENTRYPOINT"):
            said[word.capitalize()] = json.loads(rest)
    assert said == RUN[target]


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))


def _paths(schema: dict[str, Any], path: str = "") -> list[str]:
    """The leaves of a schema: what has no properties of its own."""
    if "properties" not in schema:
        return [path]
    return [
        leaf
        for name, child in schema["properties"].items()
        for leaf in _paths(child, f"{path}.{name}".lstrip("."))
    ]


def _keys(values: Any, schema: dict[str, Any], path: str = "") -> list[str]:
    """The leaves of values, as deep as the schema goes."""
    if "properties" not in schema:
        return [path]
    return [
        leaf
        for name, child in values.items()
        for leaf in _keys(child, schema["properties"].get(name, {}), f"{path}.{name}".lstrip("."))
    ]


def _package(requirement: str) -> str:
    found = re.match(r"[\w-]+", requirement)
    assert found is not None
    return found[0].lower()


def _pins(name: str) -> dict[str, str]:
    """Package with version: its hashes."""
    found: dict[str, str] = {}
    package = ""
    for line in (ROOT / name).read_text().splitlines():
        if pinned := re.match(r"([\w.-]+==[^\s;]+)", line):
            package = pinned[1]
            found[package] = ""
        elif "--hash=" in line:
            found[package] += line.strip(" \\") + " "
    return found
