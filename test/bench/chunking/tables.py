"""The report, as Markdown that reads well on a terminal, too."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from bench.chunking.footprint import Footprint
from bench.chunking.verdicts import (
    CROWDED,
    Cell,
    Measured,
    Verdict,
    best_peer,
    prediction_errors,
    verdicts,
)

NONE = "–"  # noqa: RUF001 - a dash in a table


def speeds(results: Sequence[Measured], methods: Sequence[str]) -> str:
    """Seconds of each method, and their ratio to the bound."""
    rows = []
    for measured in results:
        cells = [_speed(measured, method) for method in methods]
        rows.append([measured.workload.title, _seconds(measured.bound), *cells])
    return table(["workload", "bound", *methods], rows)


def budgets(results: Sequence[Measured], peers: Sequence[str]) -> str:
    """Each budget, kept or missed, and by how much."""
    head = ["workload", "ours", "ours / apart", "bound", "serial"]
    head += ["best peer", "peers", "prediction"]
    rows = []
    for measured in results:
        found = verdicts(measured, peers)
        ours, rival = measured.best("ours"), best_peer(measured, peers)
        apart = measured.best("apart")
        rows.append(
            [
                measured.workload.title,
                _seconds(ours.seconds if ours else None),
                f"{ours.seconds / apart.seconds:.2f}" if ours and apart else NONE,
                *(_kept(found.get(name), measured.bound) for name in ("bound", "serial")),
                f"{rival[0]} {_seconds(rival[1].seconds)}" if rival else NONE,
                _kept(found.get("peers"), measured.bound),
                _prediction(measured, found.get("prediction")),
            ]
        )
    return table(head, rows)


def costs(results: Sequence[Measured], methods: Sequence[str]) -> str:
    """CPU seconds of all processes, as a ratio to those of the plain loop."""
    rows = []
    for measured in results:
        if measured.workload.kind == "small":
            continue
        cpus = {m: [cell.cpu for cell in measured.rounds.get(m, ())] for m in methods}
        base = min(cpus.get("serial") or [0.0])
        ratios = [f"{min(c) / base:.2f}" if c and base > 0 else NONE for c in cpus.values()]
        ours = measured.best("ours")
        said = ours.said if ours else {}
        chosen = f"{said.get('workers')} x {said.get('executor')}" if said else NONE
        rows.append([measured.workload.title, *ratios, chosen])
    return table(["CPU / serial CPU", *methods, "ours chose"], rows)


def footprints(found: Sequence[Footprint]) -> str:
    """Budgets of the package itself."""
    rows = [
        [f.what, f.shown, f.limit_shown, _word(f.kept) if f.kept is not None else NONE]
        for f in found
    ]
    return table(["of the package", "measured", "budget", ""], rows)


def missed(results: Sequence[Measured], peers: Sequence[str], found: Sequence[Footprint]) -> int:
    """How many budgets were not kept."""
    all_of_them = [v.kept for measured in results for v in verdicts(measured, peers).values()]
    return [*all_of_them, *(f.kept for f in found)].count(False)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table with aligned columns."""
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(c.ljust(w) for c, w in zip(cells, widths, strict=True)) + " |"

    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([line(head), rule, *map(line, rows)])


def _speed(measured: Measured, method: str) -> str:
    if method in measured.failures:
        return "failed"
    best = measured.best(method)
    if best is None:
        return NONE
    bound = measured.bound if measured.workload.kind != "small" else None
    ratio = f" ({best.seconds / bound:.2f})" if bound else ""
    return _seconds(best.seconds) + ratio + _mark(best)


def _mark(cell: Cell) -> str:
    return " ~" if cell.others is not None and cell.others > CROWDED else ""


def _kept(verdict: Verdict | None, bound: float | None) -> str:
    if verdict is None or verdict.kept is None:
        return NONE
    if verdict.kept:
        return _word(kept=True)
    assert verdict.measured is not None
    assert verdict.allowed is not None
    over = verdict.measured - verdict.allowed
    share = f", {over / bound:+.0%}" if bound else ""
    return f"{_word(kept=False)} {over * 1000:+.1f} ms{share}"


def _prediction(measured: Measured, verdict: Verdict | None) -> str:
    errors = prediction_errors(measured)
    if verdict is None or not errors:
        return NONE
    return f"{_word(bool(verdict.kept))} {statistics.median(errors):.1%} (best {min(errors):.1%})"


def _word(kept: bool) -> str:
    return "kept" if kept else "MISSED"


def _seconds(seconds: float | None) -> str:
    if seconds is None:
        return NONE
    return f"{seconds:.3f}" if seconds >= 0.1 else f"{seconds:.4f}"
