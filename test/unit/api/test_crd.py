"""The CRD: it is the file that is checked in, it is structural, and the examples fit it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator  # type: ignore[import-untyped] # no stubs wanted

from jobflows.api.crd import crd, text
from jobflows.api.spec import Step
from unit.api.flows import EXAMPLES

FILE = Path(__file__).parents[3] / "crds" / "workflow.kube-zen.io_jobflows.yaml"

(VERSION,) = crd()["spec"]["versions"]
SCHEMA = VERSION["schema"]["openAPIV3Schema"]
SPEC = SCHEMA["properties"]["spec"]
STEP = SPEC["properties"]["steps"]["items"]
STATUS = SCHEMA["properties"]["status"]["properties"]


def nodes(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield all schemas inside a schema, with their paths."""
    yield path, schema
    for name, child in schema.get("properties", {}).items():
        yield from nodes(child, f"{path}.{name}")
    if "items" in schema:
        yield from nodes(schema["items"], f"{path}[]")
    if isinstance(schema.get("additionalProperties"), dict):
        yield from nodes(schema["additionalProperties"], f"{path}{{}}")


def test_the_file_is_what_the_models_say() -> None:
    assert FILE.read_text() == text(), "run `make crds`"


def test_every_node_is_structural() -> None:
    forbidden = {"$ref", "anyOf", "oneOf", "allOf", "title", "const", "exclusiveMinimum"}
    for path, node in nodes(SCHEMA):
        opaque = ("x-kubernetes-preserve-unknown-fields", "x-kubernetes-int-or-string")
        assert "type" in node or any(word in node for word in opaque), path
        assert not forbidden & node.keys(), path


def test_every_field_is_documented() -> None:
    undocumented = [
        f"{path}.{name}"
        for path, node in nodes(SCHEMA)
        for name, child in node.get("properties", {}).items()
        if "description" not in child and path
    ]

    assert undocumented == []


def test_objects_that_pass_through_keep_their_fields() -> None:
    keeping = {
        path for path, node in nodes(SCHEMA) if "x-kubernetes-preserve-unknown-fields" in node
    }

    assert keeping == {
        ".spec.resourceTemplates.volumeClaimTemplates[]",
        ".spec.resourceTemplates.configMapTemplates[]",
        ".spec.templates[].template",
        ".spec.steps[].template",
        ".spec.onExit[].template",
        ".spec.steps[].map.items",
        ".spec.onExit[].map.items",
        ".spec.steps[].array.items[]",
        ".spec.steps[].array.matrix{}[]",
        ".spec.onExit[].array.items[]",
        ".spec.onExit[].array.matrix{}[]",
        ".spec.executionPolicy.retryPolicy.fallbacks[].tolerations[]",
        ".spec.templates[].retryPolicy.fallbacks[].tolerations[]",
        ".spec.steps[].retryPolicy.fallbacks[].tolerations[]",
        ".spec.onExit[].retryPolicy.fallbacks[].tolerations[]",
    }


def test_no_object_is_empty_and_pruned() -> None:
    for path, node in nodes(SCHEMA):
        if node.get("type") == "object" and path != ".metadata":
            assert (
                "properties" in node
                or "additionalProperties" in node
                or "x-kubernetes-preserve-unknown-fields" in node
            ), path


def test_lists_merge_by_name_but_for_the_long_one() -> None:
    steps = SPEC["properties"]["steps"]

    assert steps["x-kubernetes-list-type"] == "atomic"
    assert SPEC["properties"]["templates"]["x-kubernetes-list-map-keys"] == ["name"]
    assert SPEC["properties"]["parameters"]["x-kubernetes-list-map-keys"] == ["name"]
    assert (steps["minItems"], steps["maxItems"]) == (1, 10_000)
    assert STEP["properties"]["dependencies"]["x-kubernetes-list-type"] == "atomic"
    assert STATUS["conditions"]["x-kubernetes-list-map-keys"] == ["type"]
    for path, node in nodes(SCHEMA):
        if node.get("type") == "array":
            assert "x-kubernetes-list-type" in node, path
            assert "maxItems" in node, path


def test_defaults_are_written_once_a_flow_but_never_into_steps() -> None:
    defaults = {path: node["default"] for path, node in nodes(SCHEMA) if "default" in node}

    assert defaults == {
        ".spec.suspend": False,
        ".spec.executionPolicy.concurrencyPolicy": "Forbid",
        ".spec.executionPolicy.ttlSecondsAfterFinished": 86_400,
        ".spec.executionPolicy.backoffLimit": 6,
        ".spec.executionPolicy.failFast": False,
        ".spec.executionPolicy.failFastMode": "Drain",
        ".spec.executionPolicy.podFailurePolicy.rules[].onExitCodes.containerName": "main",
    }
    assert STEP["properties"]["type"]["description"].endswith("Default: Job.")


def test_phases_of_zen_flow_that_its_own_crd_refused_are_in_the_schema() -> None:
    assert set(STATUS["phase"]["enum"]) == {
        "Pending", "Running", "Succeeded", "Failed", "Suspended", "Paused",
    }  # fmt: skip
    assert "PendingApproval" in STATUS["steps"]["items"]["properties"]["phase"]["enum"]
    condition = STATUS["conditions"]["items"]["properties"]
    assert condition["status"]["enum"] == ["True", "False", "Unknown"]


def test_printer_columns() -> None:
    columns = [(c["name"], c.get("priority", 0)) for c in VERSION["additionalPrinterColumns"]]

    assert columns == [("Phase", 0), ("Progress", 0), ("Age", 0), ("Reason", 1)]


def test_the_step_of_the_schema_has_the_fields_of_the_model() -> None:
    assert list(STEP["properties"]) == [f.alias for f in Step.model_fields.values()]
    assert STEP["required"] == ["name"]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_fits_the_schema(path: Path) -> None:
    Draft202012Validator(SCHEMA).validate(yaml.safe_load(path.read_text()))
