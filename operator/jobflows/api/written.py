"""Writes YAML that people can read and Kubernetes reads back as the same; `source.py` reads it.

Multi-line strings are blocks, keys stay in the order they were made.
"""

import re
from typing import Any

import yaml

_NOT_A_STRING_TO_KUBERNETES = re.compile(r"[yYnN]|[-+.]*[0-9][-+.:0-9a-zA-Z_]*")
"""Plain words that PyYAML reads as strings and go-yaml as booleans or numbers: y, 1e3, 0o7."""


_RARE_LINE_BREAK = re.compile("[\x85\u2028\u2029]")
"""What YAML takes for the end of a line; only inside of double quotes it is escaped."""


class _Dumper(yaml.SafeDumper):
    """No anchors: a manifest with `&id001` in it cannot be read, only parsed."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - PyYAML's signature
        return True


def _string(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    if _NOT_A_STRING_TO_KUBERNETES.fullmatch(text) or _RARE_LINE_BREAK.search(text):
        style = '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _string)
_Dumper.add_multi_representer(str, _string)  # phases and reasons


def to_yaml(document: Any) -> str:
    """One document, without a separator."""
    text: str = yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=100, allow_unicode=True)
    return text
