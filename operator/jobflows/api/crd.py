"""The CustomResourceDefinition, generated from the models.

    python -m jobflows.api.crd > crds/workflow.kube-zen.io_jobflows.yaml

The models are the one source: a field added there appears in the CRD, with its docstring as its
description, and a test fails until the file is written anew. JSON Schema as pydantic makes it is
not a structural schema, so it is rebuilt: references inlined, `X or null` reduced to X, titles
dropped, exclusive bounds made inclusive, opaque objects marked to be preserved.

Defaults are put into the schema for what exists once in a flow, and not inside `steps`: the API
server would write them into each of 10,000 steps, which is 400 KB of the 1.5 MB that etcd takes.
Nor are they in a `retryPolicy`, where a default that is written down would count as set and hide
the same field of the level above. The models apply the same defaults when a flow is read, so
nothing depends on this.

Checks in CEL are the cheap ones only. "A dependency exists" and "no cycle" exceed the API server's
cost budget at any useful size; `jobflows.api.validation` makes them.
"""

import sys
from collections.abc import Iterator
from typing import Any

import yaml

from jobflows.api.base import Model
from jobflows.api.model import GROUP, KIND, PLURAL, VERSION
from jobflows.api.spec import Spec
from jobflows.api.status import Status

Schema = dict[str, Any]

HEADER = "# Generated from the models by `python -m jobflows.api.crd`; do not edit.\n"

_COPIED = (
    "description type format enum pattern minLength maxLength minItems maxItems minimum maximum "
    "x-kubernetes-list-type x-kubernetes-list-map-keys x-kubernetes-map-type "
    "x-kubernetes-preserve-unknown-fields x-kubernetes-int-or-string"
)
_KEYS = tuple(_COPIED.split())

_WITHOUT_DEFAULTS = ("steps", "onExit", "templates", "retryPolicy")

_COLUMNS = (
    {"name": "Phase", "type": "string", "jsonPath": ".status.phase"},
    {"name": "Progress", "type": "string", "jsonPath": ".status.progress.summary"},
    {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
    {"name": "Reason", "type": "string", "jsonPath": ".status.reason", "priority": 1},
)


def crd() -> dict[str, Any]:
    """Return the CRD as a document."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{PLURAL}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": KIND,
                "listKind": f"{KIND}List",
                "plural": PLURAL,
                "singular": KIND.lower(),
                "shortNames": ["jf", "flow"],
                "categories": ["all"],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": [dict(column) for column in _COLUMNS],
                    "schema": {"openAPIV3Schema": _root()},
                }
            ],
        },
    }


class _Plain(yaml.SafeDumper):
    """Writes what occurs twice twice, for readers who do not know `&id001`."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - what it overrides has it
        return True


def text() -> str:
    """Return the CRD as the file that is checked in."""
    dumped = yaml.dump(crd(), Dumper=_Plain, sort_keys=False, width=100, allow_unicode=True)
    return HEADER + dumped


def _root() -> Schema:
    return {
        "type": "object",
        "description": "A DAG of Jobs.",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": structural(Spec, defaults=True),
            "status": structural(Status, defaults=False),
        },
    }


def structural(model: type[Model], *, defaults: bool) -> Schema:
    """Return the structural schema of a model."""
    schema = model.model_json_schema(by_alias=True)
    definitions = schema.pop("$defs", {})
    rules = {cls.__name__: cls.cel for cls in _models(Model) if cls.cel}
    return _Builder(definitions, rules).build(schema, defaults=defaults)


class _Builder:
    def __init__(self, definitions: dict[str, Schema], rules: dict[str, Any]) -> None:
        self._definitions = definitions
        self._rules = rules

    def build(self, schema: Schema, *, defaults: bool) -> Schema:
        schema = self._flat(schema)
        out: Schema = {key: schema[key] for key in _KEYS if key in schema}
        if "exclusiveMinimum" in schema:
            out["minimum"] = schema["exclusiveMinimum"] + 1  # whole numbers only, see base.Seconds
        if "items" in schema:
            out["items"] = self.build(schema["items"], defaults=defaults)
        if schema.get("required"):
            out["required"] = schema["required"]
        if "properties" in schema:
            out["properties"] = {
                name: self._property(name, value, defaults=defaults)
                for name, value in schema["properties"].items()
            }
        elif isinstance(schema.get("additionalProperties"), dict):
            values = schema["additionalProperties"]
            out["additionalProperties"] = self.build(values, defaults=defaults)
        rules = self._rules.get(schema.get("title", ""))
        if rules:
            out["x-kubernetes-validations"] = [rule._asdict() for rule in rules]
        return out

    def _property(self, name: str, schema: Schema, *, defaults: bool) -> Schema:
        defaults = defaults and name not in _WITHOUT_DEFAULTS
        out = self.build(schema, defaults=defaults)
        default = schema.get("default")
        if isinstance(default, str | int | float) and "description" in out:
            if defaults:
                out["default"] = default
            else:
                shown = str(default).lower() if isinstance(default, bool) else default
                out["description"] += f" Default: {shown}."
        return out

    def _flat(self, schema: Schema) -> Schema:
        """Merge what a reference or `X | null` points to under the schema's own keys."""
        if "anyOf" in schema:
            (choice,) = (one for one in schema["anyOf"] if one.get("type") != "null")
            return {**self._flat(choice), **_without(schema, "anyOf", "title")}
        if "$ref" in schema:
            target = self._definitions[schema["$ref"].rsplit("/", 1)[1]]
            return {**self._flat(target), **_without(schema, "$ref", "title")}
        return schema


def _without(schema: Schema, *keys: str) -> Schema:
    return {key: value for key, value in schema.items() if key not in keys}


def _models(model: type[Model]) -> Iterator[type[Model]]:
    for child in model.__subclasses__():
        yield child
        yield from _models(child)


if __name__ == "__main__":
    sys.stdout.write(text())
