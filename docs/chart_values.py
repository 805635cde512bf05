"""The page of the chart's values, from `values.yaml`, its comments and `values.schema.json`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).parents[1] / "deploy" / "helm" / "jobflows"


def rows() -> Iterator[str]:
    """A row for each value: its name, its default, what it takes, and its comment."""
    text = (CHART / "values.yaml").read_text()
    schema = json.loads((CHART / "values.schema.json").read_text())
    yield from _rows(yaml.compose(text), text.splitlines(), schema, "")


def _rows(node: Any, lines: list[str], schema: dict[str, Any], path: str) -> Iterator[str]:
    for key, value in node.value:
        name, about = f"{path}{key.value}", _comment(lines, key.start_mark.line)
        kind = schema["properties"][key.value]
        if "properties" in kind:
            if about:
                yield f"| `{name}` | | | {about} |"
            yield from _rows(value, lines, kind, f"{name}.")
            continue
        assert about, f"values.yaml says nothing about {name}"
        default = json.dumps(yaml.safe_load(yaml.serialize(value)), ensure_ascii=False)
        yield f"| `{name}` | `{default}` | {_takes(kind)} | {about} |"


def _comment(lines: list[str], line: int) -> str:
    """The comment right above a line."""
    words: list[str] = []
    while line and lines[line - 1].strip().startswith("#"):
        line -= 1
        words.insert(0, lines[line].strip().lstrip("# "))
    return " ".join(words).replace("|", "\\|")


def _takes(kind: dict[str, Any]) -> str:
    if "enum" in kind:
        return ", ".join(f"`{choice}`" for choice in kind["enum"])
    if kind["type"] in ("integer", "number"):
        least, most = kind.get("minimum"), kind.get("maximum")
        return f"{least} to {most}" if most is not None else f"{least} or more"
    words = {"array": "list", "object": "object", "boolean": "true, false", "string": "text"}
    return words[kind["type"]]
