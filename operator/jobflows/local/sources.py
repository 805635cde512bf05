"""Values of ConfigMaps and Secrets for a run without a cluster.

ConfigMaps come from the flow's own `resourceTemplates`. Anything else exists on the cluster only,
and is given on the command line as the value of the input parameter that reads it. A value lives
in the environment of the process that needs it, and is never written or shown here.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from jobflows.engine import CompiledFlow
from jobflows.local.unavailable import UnavailableError
from jobflows.manifests.resources import build_resources, config_map_names

Kind = Literal["ConfigMap", "Secret"]
Key = tuple[Kind, str, str]
"""Kind, name of the object, key in it."""


@dataclass(frozen=True, slots=True)
class Sources:
    """What can be read here. `maps` holds the files of a ConfigMap by its name on the cluster."""

    maps: Mapping[str, Mapping[str, bytes]]
    given: Mapping[Key, str] = field(default_factory=dict, repr=False)

    def text(self, kind: Kind, ref: Mapping[str, Any], where: str) -> str | None:
        """One value; None when it is missing and may be.

        Raises `UnavailableError` naming `where` it was asked for.
        """
        name, key = str(ref.get("name", "")), str(ref.get("key", ""))
        given = self.given.get((kind, name, key))
        if given is not None:
            return given
        if kind == "ConfigMap" and key in self.maps.get(name, {}):
            return self.maps[name][key].decode(errors="replace")
        if ref.get("optional"):
            return None
        cure = "Read it through an input parameter and give that with --param NAME=VALUE"
        if kind == "ConfigMap":
            cure += ", or write the ConfigMap into spec.resourceTemplates"
        raise UnavailableError(where, f"key {key} of {kind} {name} is on the cluster only", cure)

    def files(self, name: str, where: str) -> Mapping[str, bytes]:
        """All of a ConfigMap, as files. Raises `UnavailableError` when the flow has none such."""
        try:
            return self.maps[name]
        except KeyError:
            raise UnavailableError(
                where,
                f"ConfigMap {name} is on the cluster only",
                "Write it into spec.resourceTemplates.configMapTemplates",
            ) from None


def referenced_keys(flow: CompiledFlow) -> dict[str, set[Key]]:
    """The ConfigMap and Secret keys that input parameters read, by the parameter's name."""
    names = config_map_names(flow.name, flow.resources)
    keys: dict[str, set[Key]] = {}
    for step in flow.steps:
        for parameter in step.spec.inputs.parameters:
            source = parameter.value_from
            if source is not None and (ref := source.secret_key_ref) is not None:
                keys.setdefault(parameter.name, set()).add(("Secret", ref.name, ref.key))
            elif source is not None and (ref := source.config_map_key_ref) is not None:
                name = names.get(ref.name, ref.name)
                keys.setdefault(parameter.name, set()).add(("ConfigMap", name, ref.key))
    return keys


def collect_sources(flow: CompiledFlow, values: Mapping[str, str]) -> Sources:
    """Gather the flow's own ConfigMaps, and `values` given for input parameters by name."""
    maps = {
        item["metadata"]["name"]: _contents(item)
        for item in build_resources(flow)
        if item["kind"] == "ConfigMap"
    }
    keys = referenced_keys(flow)
    given = {key: value for name, value in values.items() for key in keys.get(name, ())}
    return Sources(maps, given)


def _contents(item: Mapping[str, Any]) -> dict[str, bytes]:
    files = {key: str(value).encode() for key, value in (item.get("data") or {}).items()}
    for key, value in (item.get("binaryData") or {}).items():
        try:
            files[key] = base64.b64decode(value, validate=True)
        except (binascii.Error, TypeError) as error:
            raise UnavailableError(
                f"ConfigMap {item['metadata']['name']}, binaryData.{key}",
                f"is not base64 ({error})",
                "Encode it with `base64`",
            ) from None
    return files
