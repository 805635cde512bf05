"""Writes the dashboard of the operator: `make dashboard`.

What is shown stands in `panels.yaml`; `grafana-foundation-sdk` turns it into what Grafana imports,
and lays it out. The file is written twice: for people, and for the Helm chart, which can only read
what is below it. `test/unit/monitoring` fails when a file is not what this writes.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import yaml
from grafana_foundation_sdk.builders.common import (
    ReduceDataOptions,
    StackingConfig,
    VizLegendOptions,
    VizTooltipOptions,
)
from grafana_foundation_sdk.builders.dashboard import (
    Dashboard,
    DatasourceVariable,
    QueryVariable,
    Row,
)
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.builders.stat import Panel as Number
from grafana_foundation_sdk.builders.timeseries import Panel as Curves
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DataSourceRef,
    VariableOption,
    VariableRefresh,
)

HERE = Path(__file__).resolve().parent
FILES = (
    HERE / "dashboard.json",
    HERE.parent / "deploy" / "helm" / "jobflows" / "files" / "dashboard.json",
)
WIDTH = 24
"""Columns of Grafana's grid."""

Entry = dict[str, Any]


def document() -> str:
    """The dashboard as Grafana imports it."""
    made = (
        Dashboard("JobFlow operator")
        .uid("jobflow-operator")
        .description("Flows, steps, and the operator that runs them.")
        .tags(["jobflow"])
        .time("now-1h", "now")
        .refresh("30s")
        .timezone("browser")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .editable()
        .with_variable(DatasourceVariable("datasource").label("Data source").type("prometheus"))
        .with_variable(
            QueryVariable("namespace")
            .label("Namespace")
            .datasource(_source())
            .query("label_values(zen_flow_jobflows, namespace)")
            .refresh(VariableRefresh.ON_DASHBOARD_LOAD)
            .current(VariableOption(selected=True, text="All", value="$__all"))
            .multi(True)
            .include_all(True)
            .all_value(".*")
        )
    )
    identity = count(1)
    for row in yaml.safe_load((HERE / "panels.yaml").read_text()):
        made = made.with_row(Row(row["row"]).id(next(identity)))
        numbers = row.get("numbers", False)
        width = WIDTH // (len(row["panels"]) if numbers else 3)
        for entry in row["panels"]:
            panel = _number().height(4) if numbers else _curves(entry).height(8)
            made = made.with_panel(_filled(panel, entry).span(width).id(next(identity)))
    text: str = JSONEncoder(sort_keys=True, indent=2).encode(made.build())
    return text + "\n"


def _filled(panel: Number | Curves, entry: Entry) -> Number | Curves:
    unit = "s" if "percentiles" in entry else entry.get("unit", "short")
    panel = panel.title(entry["title"]).description(entry.get("about", "")).unit(unit)
    panel = panel.datasource(_source())
    for number, (legend, query) in enumerate(_queries(entry)):
        text = query.replace("NS", 'namespace=~"$namespace"').replace("WINDOW", "$__rate_interval")
        target = Dataquery().ref_id("ABC"[number]).expr(text).legend_format(legend)
        panel = panel.with_target(target)
    return panel


def _number() -> Number:
    newest = ReduceDataOptions().calcs(["lastNotNull"])
    return Number().reduce_options(newest).graph_mode(common.BigValueGraphMode.AREA)


def _curves(entry: Entry) -> Curves:
    stacked = entry.get("stacked", False)
    mode = common.StackingMode.NORMAL if stacked else common.StackingMode.NONE
    return (
        Curves()
        .min(0)
        .line_width(1)
        .fill_opacity(30 if stacked else 10)
        .show_points(common.VisibilityMode.NEVER)
        .stacking(StackingConfig().mode(mode))
        .legend(
            VizLegendOptions()
            .display_mode(common.LegendDisplayMode.LIST)
            .placement(common.LegendPlacement.BOTTOM)
            .show_legend(True)
        )
        .tooltip(VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI))
    )


def _queries(entry: Entry) -> Iterator[tuple[str, str]]:
    """Legends and queries."""
    if "percentiles" not in entry:
        yield from entry["queries"].items()
        return
    name, _, selector = entry["percentiles"].partition("{")
    of = "{" + selector if selector else ""
    by = entry.get("by", [])
    rates = f"sum by ({', '.join([*by, 'le'])}) (rate({name}_bucket{of}[WINDOW]))"
    if by:
        yield " ".join(f"{{{{{label}}}}}" for label in by), f"histogram_quantile(0.95, {rates})"
        return
    yield "p50", f"histogram_quantile(0.5, {rates})"
    yield "p95", f"histogram_quantile(0.95, {rates})"


def _source() -> DataSourceRef:
    return DataSourceRef(type_val="prometheus", uid="${datasource}")


if __name__ == "__main__":
    for file in FILES:
        file.write_text(document())
