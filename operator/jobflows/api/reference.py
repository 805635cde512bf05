"""The reference of a JobFlow's fields as Markdown, generated from the models.

    python -m jobflows.api.reference          # spec
    python -m jobflows.api.reference status

Made from the same structural schema as the CRD, so the page, `kubectl explain` and the validator
cannot disagree. `docs/generate.py` writes the pages; a test fails when one of them is older than
the models.
"""

import re
import sys
from collections.abc import Iterator
from typing import Any

from jobflows.api.base import Model
from jobflows.api.crd import structural
from jobflows.api.spec import Spec
from jobflows.api.status import Status

Schema = dict[str, Any]

_DEFAULT = re.compile(r" Default: (\S*)\.$")
_DURATION = "µs"
"""Only the pattern of durations has it."""


def fields(model: type[Model], root: str) -> str:
    """Return one section per object below `root`, each a table of its fields."""
    return "\n".join(_sections(structural(model, defaults=True), root))


def _sections(schema: Schema, path: str) -> Iterator[str]:
    required = schema.get("required", ())
    yield f"## `{path}`\n"
    if "description" in schema:
        yield _cell(_meaning(schema)) + "\n"
    for rule in schema.get("x-kubernetes-validations", ()):
        yield f"Checked by the API server: {rule['message']}.\n"
    yield "| field | type | default | meaning |"
    yield "|---|---|---|---|"
    for name, field in schema["properties"].items():
        default = "required" if name in required else _default(field)
        yield f"| `{name}` | {_type(field)} | {default} | {_cell(_meaning(field))} |"
    yield ""
    for name, field in schema["properties"].items():
        inner = field.get("items", field)
        if "properties" in inner:
            suffix = "[]" if "items" in field else ""
            yield from _sections(inner, f"{path}.{name}{suffix}")


def _type(field: Schema) -> str:
    if "x-kubernetes-int-or-string" in field:
        return "quantity"
    kind = str(field.get("type", "any"))
    if "enum" in field:
        return " \\| ".join(f"`{value}`" for value in field["enum"])
    if kind == "array":
        return f"list of {_type(field['items'])}{_limits(field).replace(',', ';', 1)}"
    if kind == "object":
        if "additionalProperties" in field:
            return f"map of {_type(field['additionalProperties'])}"
        return "object"
    if _DURATION in field.get("pattern", ""):
        return "duration"
    if field.get("format") == "date-time":
        return "time"
    return kind + _limits(field)


def _limits(field: Schema) -> str:
    low = next((field[key] for key in ("minimum", "minItems", "minLength") if key in field), None)
    high = next((field[key] for key in ("maximum", "maxItems", "maxLength") if key in field), None)
    if high == 2**31 - 1:
        high = None
    if low is None and high is None:
        return ""
    if high is None:
        return f", at least {low}" if low else ""
    unit = {"string": " characters", "array": " items"}.get(str(field.get("type")), "")
    return f", {low} to {high}{unit}" if low is not None else f", at most {high}{unit}"


def _default(field: Schema) -> str:
    found = _DEFAULT.search(field.get("description", ""))
    value = field.get("default", found[1] if found else None)
    if value in (None, ""):
        return ""
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _meaning(field: Schema) -> str:
    text = _DEFAULT.sub("", str(field.get("description", "")))
    return text if text.endswith(".") or not text else text + "."


def _cell(text: str) -> str:
    """A sentence inside a table: `<step>` outside of code would be taken for HTML."""
    parts = re.split(r"(`[^`]*`)", " ".join(text.split()))
    return "".join(
        part if part.startswith("`") else part.replace("<", "&lt;").replace("|", "\\|")
        for part in parts
    )


if __name__ == "__main__":
    wants_status = sys.argv[1:] == ["status"]
    sys.stdout.write(fields(Status, "status") if wants_status else fields(Spec, "spec"))
