"""Which series there are, by the operator's own registry, and which ones an expression asks for."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType

from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector

from jobflows.recorder.metrics import RecorderMetrics

ROOT = Path(__file__).parents[3]
FILES = ROOT / "deploy" / "helm" / "jobflows" / "files"

_SELECTOR = re.compile(r"(?<![\w:\"])([a-z_:][\w:]*)\s*(?:\{([^}]*)\})?")
_LABEL = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)")
_PREFIXES = ("zen_flow_", "jobflow_", "workqueue_", "controller_runtime_", "process_", "python_gc_")
_TARGET = frozenset({"instance", "job"})
"""Labels that every series gets from being scraped."""


def load(name: str, path: Path) -> ModuleType:
    """A module that is a program, such as `docs/generate.py`."""
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def known() -> dict[str, frozenset[str]]:
    """The labels of each series that `/metrics` may show, by its name."""
    found: dict[str, frozenset[str]] = {}
    for metric, labels in load("generate", ROOT / "docs" / "generate.py").registered():
        own = frozenset(labels) | _TARGET
        if metric.type == "counter":
            found[f"{metric.name}_total"] = own
        elif metric.type == "histogram":
            found |= {f"{metric.name}_bucket": own | {"le"}}
            found |= {f"{metric.name}_{part}": own for part in ("sum", "count")}
        else:
            found[metric.name] = own
    return found | dict(_of_the_process())


def _of_the_process() -> Iterator[tuple[str, frozenset[str]]]:
    registry = CollectorRegistry()
    RecorderMetrics(registry, lambda: 0.0)
    ProcessCollector(registry=registry)
    GCCollector(registry=registry)
    for metric in registry.collect():
        for sample in metric.samples:
            yield sample.name, frozenset(sample.labels) | _TARGET


def selectors(expression: str) -> Iterator[tuple[str, frozenset[str]]]:
    """The series that a query asks for, each with the labels that it is asked by."""
    for name, matchers in _SELECTOR.findall(expression):
        if name.startswith(_PREFIXES):
            yield name, frozenset(_LABEL.findall(matchers))


def unknown(expression: str) -> list[str]:
    """What a query asks for and nobody has."""
    return [
        f"{name}{{{', '.join(sorted(labels))}}}"
        for name, labels in selectors(expression)
        if not labels <= known().get(name, frozenset()) or name not in known()
    ]
