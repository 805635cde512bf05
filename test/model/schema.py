"""What the CRD's schema does to a custom resource: prune, default, refuse.

Read from the generated CRD itself, so that a field the operator writes but the schema does not know
is lost here as it is lost on a cluster. CEL rules (`x-kubernetes-validations`) are not evaluated.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from model.errors import invalid
from model.kinds import Kind
from model.storage import Object

FOLDER = Path(__file__).parents[2] / "crds"
TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
}
UNCHECKED = (
    "Invalid value: null: some validation rules were not checked because the object was invalid; "
    "correct the existing errors to complete validation"
)

_KEEP = "x-kubernetes-preserve-unknown-fields"

Causes = list[tuple[str, str, str]]


@cache
def _schema(kind: Kind) -> Object | None:
    path = FOLDER / f"{kind.group}_{kind.plural}.yaml"
    if not path.exists():
        return None
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    document = yaml.load(path.read_text(), Loader=loader)
    for version in document["spec"]["versions"]:
        if version["name"] == kind.version:
            found: Object = version["schema"]["openAPIV3Schema"]
            return found
    return None


def shape(kind: Kind, obj: Object, old: Object | None = None) -> Object:
    """The object as the schema leaves it; what is identical with `old` is known to be good."""
    schema = _schema(kind)
    if schema is None:
        return obj
    causes: Causes = []
    result = dict(obj)
    properties = schema["properties"]
    for field in obj:
        if field in ("apiVersion", "kind", "metadata"):
            continue
        if field not in properties:
            del result[field]
        elif old is None or obj[field] is not old.get(field):
            result[field] = _shape(properties[field], obj[field], field, causes)
    _require(schema, result, "", causes)
    if causes:
        causes.append(("FieldValueInvalid", UNCHECKED, "<nil>"))
        raise invalid(kind, obj["metadata"]["name"], causes)
    return result


def _shape(schema: Object, value: Any, path: str, causes: Causes) -> Any:
    wanted = TYPES.get(schema.get("type", ""), object)
    other = not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool)
    if other and wanted is not object:
        name = name_of(value)
        text = f'Invalid value: "{name}": {path} in body must be of type {schema["type"]}'
        causes.append(("FieldValueTypeInvalid", f'{text}: "{name}"', path))
        return value
    if schema.get("x-kubernetes-int-or-string") and not isinstance(value, int | str):
        text = f'Invalid value: "{name_of(value)}": {path} in body must be of type integer,string: '
        causes.append(("FieldValueTypeInvalid", f'{text}"{name_of(value)}"', path))
        return value
    if isinstance(value, dict):
        return _shape_object(schema, value, path, causes)
    if isinstance(value, list) and not ("items" not in schema and schema.get(_KEEP)):
        _check_count(schema, "Items", len(value), path, causes)
        items = schema.get("items") or {}
        shaped = [
            _shape(items, item, f"{path}[{place}]", causes) for place, item in enumerate(value)
        ]
        _check_keys(schema, shaped, path, causes)
        return shaped
    _check_scalar(schema, value, path, causes)
    return value


def name_of(value: Any) -> str | None:
    """The type of a value as the server calls it."""
    return {str: "string", dict: "object", list: "array", bool: "boolean"}.get(type(value))


def _shape_object(schema: Object, value: Object, path: str, causes: Causes) -> Object:
    properties = schema.get("properties") or {}
    extra = schema.get("additionalProperties")
    keep = schema.get(_KEEP)
    result: Object = {}
    for key, item in value.items():
        if key in properties:
            if item is not None:  # null where null is not allowed counts as absent
                result[key] = _shape(properties[key], item, f"{path}.{key}", causes)
        elif isinstance(extra, dict):
            result[key] = _shape(extra, item, f"{path}.{key}", causes)
        elif keep or extra:
            result[key] = item
    for key, one in properties.items():
        if "default" in one and key not in result:
            result[key] = one["default"]
    _check_count(schema, "Properties", len(result), path, causes)
    _require(schema, result, f"{path}.", causes)
    return result


def _require(schema: Object, value: Object, prefix: str, causes: Causes) -> None:
    for key in schema.get("required") or ():
        if key not in value:
            causes.append(("FieldValueRequired", "Required value", f"{prefix}{key}"))


def _check_count(schema: Object, what: str, count: int, path: str, causes: Causes) -> None:
    if count > schema.get(f"max{what}", count):
        text = f"Too many: {count}: must have at most {schema[f'max{what}']} items"
        causes.append(("FieldValueTooMany", text, path))
    if count < schema.get(f"min{what}", count):
        text = f"Invalid value: {count}: {path} in body should have at least "
        causes.append(("FieldValueInvalid", f"{text}{schema[f'min{what}']} items", path))


def _check_keys(schema: Object, value: list[Any], path: str, causes: Causes) -> None:
    keys = schema.get("x-kubernetes-list-map-keys")
    if not keys:
        return
    seen: set[tuple[Any, ...]] = set()
    for place, item in enumerate(value):
        if not isinstance(item, dict):
            continue  # told of by its type
        key = tuple(item.get(name) for name in keys)
        if not all(isinstance(part, str | None) for part in key):
            continue
        if key in seen:
            causes.append(("FieldValueDuplicate", f"Duplicate value: {key}", f"{path}[{place}]"))
        seen.add(key)


def _check_scalar(schema: Object, value: Any, path: str, causes: Causes) -> None:
    if "enum" in schema and value not in schema["enum"]:
        choices = ", ".join(f'"{choice}"' for choice in schema["enum"])
        text = f'Unsupported value: "{value}": supported values: {choices}'
        causes.append(("FieldValueNotSupported", text, path))
    if isinstance(value, str):
        if len(value) > schema.get("maxLength", len(value)):
            text = f"Too long: may not be more than {schema['maxLength']} bytes"
            causes.append(("FieldValueTooLong", text, path))
        if len(value) < schema.get("minLength", 0):
            text = f'Invalid value: "{value}": {path} in body should be at least '
            text += f"{schema['minLength']} chars long"
            causes.append(("FieldValueInvalid", text, path))
        if "pattern" in schema and not re.search(schema["pattern"], value):
            text = f"Invalid value: \"{value}\": {path} in body should match '{schema['pattern']}'"
            causes.append(("FieldValueInvalid", text, path))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        if value > schema.get("maximum", value):
            text = f"Invalid value: {value}: {path} in body should be less than or equal to "
            causes.append(("FieldValueInvalid", f"{text}{schema['maximum']}", path))
        if value < schema.get("minimum", value):
            text = f"Invalid value: {value}: {path} in body should be greater than or equal to "
            causes.append(("FieldValueInvalid", f"{text}{schema['minimum']}", path))
