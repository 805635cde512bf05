"""YAML and JSON for people: multi-line strings as blocks, keys in the order they were made."""

import json
import re
from collections.abc import Sequence
from typing import Any

import yaml

_NOT_A_STRING_TO_KUBERNETES = re.compile(r"[yYnN]|[-+.]*[0-9][-+.:0-9a-zA-Z_]*")
"""Plain words that PyYAML reads as strings and go-yaml as booleans or numbers: y, 1e3, 0o7."""


class _Dumper(yaml.SafeDumper):
    """No anchors: a manifest with `&id001` in it cannot be read, only parsed."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - PyYAML's signature
        return True


def _string(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    if _NOT_A_STRING_TO_KUBERNETES.fullmatch(text):
        style = '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _string)
_Dumper.add_multi_representer(str, _string)  # phases and reasons


def to_yaml(document: Any) -> str:
    """One document, without a separator."""
    text: str = yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=100, allow_unicode=True)
    return text


def to_json(document: Any) -> str:
    """One document, indented."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def to_json_list(items: Sequence[Any]) -> str:
    """Kubernetes objects as one List, which kubectl can read."""
    return to_json({"apiVersion": "v1", "kind": "List", "items": list(items)})
