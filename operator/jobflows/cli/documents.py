"""YAML and JSON for people."""

import json
from collections.abc import Sequence
from typing import Any

from jobflows.api.written import to_yaml

__all__ = ["to_json", "to_json_list", "to_yaml"]


def to_json(document: Any) -> str:
    """One document, indented."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def to_json_list(items: Sequence[Any]) -> str:
    """Kubernetes objects as one List, which kubectl can read."""
    return to_json({"apiVersion": "v1", "kind": "List", "items": list(items)})
