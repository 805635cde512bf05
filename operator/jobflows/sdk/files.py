"""Amounts and scales in a YAML file beside the program, by tool and by template."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from jobflows.api.source import SourceError, load
from jobflows.sdk.amounts import KEYS
from jobflows.sdk.errors import DefinitionError
from jobflows.sdk.given import shown
from jobflows.sdk.settings import Settings

_PARTS = ("resources", "scales")
_KEYS = tuple(f"{level}_{part}" for part in _PARTS for level in ("tool", "task_template"))


def read_file(file: str | PathLike[str], cluster_name: str = "") -> ResourceFile:
    """Read such a file; raises `DefinitionError` with the place of what is wrong."""
    if not isinstance(file, str | PathLike):
        raise DefinitionError(f"{shown(file)} is no file's name; write its path")
    name = fspath(file)
    try:
        documents = load(Path(file).read_text(encoding="utf-8"))
    except OSError as error:
        raise DefinitionError(f"{name} cannot be read: {error.strerror}") from None
    except (SourceError, UnicodeDecodeError) as error:
        raise DefinitionError(f"{name} is not YAML: {error}") from None
    except ValueError as error:
        raise DefinitionError(f"{shown(name)} is no file's name: {error}") from None
    value: Any = documents[0].value if len(documents) == 1 else None
    if not isinstance(value, Mapping):
        raise DefinitionError(f"{name}: write one mapping with {', '.join(_KEYS)}")
    if documents[0].problems:
        raise DefinitionError(f"{name}: {documents[0].problems[0]}")
    for key in value:
        if key not in _KEYS:
            raise DefinitionError(f"{name}: there is no '{key}'; write {', '.join(_KEYS)}")
        if not isinstance(value[key], Mapping):
            raise DefinitionError(f"{name}: {key} must be a mapping")
    return ResourceFile(name, value, cluster_name)


@dataclass(frozen=True, slots=True)
class ResourceFile:
    """What a file says, and of which cluster it is asked."""

    name: str
    document: Mapping[str, Mapping[str, Any]]
    cluster: str

    def tool(self, settings: Settings) -> None:
        """Put what it says of the tool below what the tool says."""
        parts = [self._of_cluster(f"tool_{p}", self.document.get(f"tool_{p}", {})) for p in _PARTS]
        self._merge(settings, *parts)

    def template(self, template: str, settings: Settings, *, may_miss: bool = False) -> None:
        """Put what it says of a template below what that says; `DefinitionError` if nothing."""
        found = [self.document.get(f"task_template_{part}", {}).get(template) for part in _PARTS]
        if not may_miss and "task_template_resources" in self.document and found[0] is None:
            raise DefinitionError(
                f"{self.name}: task_template_resources has no '{template}'; add it, or give "
                "ignore_missing_keys=True"
            )
        where = [f"task_template_{part}.{template}" for part in _PARTS]
        self._merge(
            settings, *(self._of_cluster(w, f or {}) for w, f in zip(where, found, strict=True))
        )

    def _of_cluster(self, where: str, found: Any) -> Mapping[str, Any]:
        """Without the level of clusters that files of Jobmon have."""
        if not isinstance(found, Mapping):
            raise DefinitionError(f"{self.name}: {where} must be a mapping")
        if not found or not all(isinstance(each, Mapping) for each in found.values()):
            return found
        if found.keys() <= set(KEYS):  # a node_selector, or a scale with a max
            return found
        if self.cluster or len(found) > 1:
            if self.cluster not in found:
                raise DefinitionError(
                    f"{self.name}: {where} has the clusters {', '.join(found)}; give one as "
                    "cluster_name"
                )
            return dict(found[self.cluster])
        return dict(next(iter(found.values())))

    def _merge(
        self, settings: Settings, amounts: Mapping[str, Any], scales: Mapping[str, Any]
    ) -> None:
        said = Settings.of(f"{self.name}, {settings.owner}", amounts, scales)
        settings.compute_resources = said.compute_resources | settings.compute_resources
        settings.resource_scales = said.resource_scales | settings.resource_scales
