"""Writes `docs/benchmarks/faults.md` and the list beside it, after a run of everything."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import aiohttp

from faults import report
from faults.points import CALL_FAULTS, EVENT_FAULTS, KNOWN_LIMITS, STALE_LISTS, STALE_TEXT
from faults.trial import Verdict
from jobflows import __version__

PAGE = Path(__file__).resolve().parents[2] / "docs" / "benchmarks" / "faults.md"
LIST = PAGE.with_suffix(".csv")

HEAD = """\
# Faults

`make faults` breaks something at each API call and each watch event of a run in turn, between the
real operator and a real API server, and judges every run by the server's audit log and by what is
left in the end. This page is written by it.

{facts}

What has to hold of each run:

- **none twice**: no attempt has two Jobs or more pods than tasks, and no Job is made that is not
  due;
- **none skipped**: each attempt that is due was made, and its pods ran;
- **none early**: no attempt began before what it waits for had ended, by the order of the audit
  log;
- **all end**: each flow ends, in the right phase;
- **none orphaned**: what is left has an owner that is there, nothing runs, and all else is gone;
- **status true**: phases, attempts and progress agree with what ran;
- **ends well**: the operator that is left ends with 0 on SIGTERM, and none has logged an error.

The flows come in three pairs, each in runs of its own, and between them use every call the operator
makes: retries, an exit handler, a time to live, an array with a task that fails, a failure that
skips a step, a timeout that stops a Job, an approval, a ConfigMap and a claim of the flow's own.
Pods are simulated. Every run has a namespace, a proxy and an operator process of its own; the
processes are forked from one that has imported the operator's modules, which halves what a run
costs. An operator that ends by itself is started anew after a second, as a kubelet does it; that
came about in {restarts} runs, where kopf gave up its look round at what the API server offers.
"""


def write(points: Sequence[Verdict], cases: Sequence[Verdict], facts: dict[str, object]) -> None:
    """Both files."""
    PAGE.parent.mkdir(exist_ok=True)
    report.write_list(points, LIST)
    parts = [
        HEAD.format(
            facts="\n".join(_facts(points, cases, facts)),
            restarts=sum(bool(v.note) for v in points),
        ),
        "## Calls\n\nRuns that held, of all with this fault at a call of this kind; each one is in",
        f"[{LIST.name}]({LIST.name}).\n",
        *_grid([v for v in points if _is_call(v)], list(CALL_FAULTS)),
        "",
        *(f"- **{fault}**: {text}" for fault, text in CALL_FAULTS.items()),
        "\n## Watch events\n\nEach event of a run has one of these faults, in turn.\n",
        *_grid([v for v in points if _is_event(v)], list(EVENT_FAULTS)),
        "",
        *(f"- **{fault}**: {text}" for fault, text in EVENT_FAULTS.items()),
        f"\n## Stale lists\n\n{STALE_TEXT}: of flows, Jobs, pods, or all of them.\n",
        *_grid([v for v in points if v.fault in STALE_LISTS], list(STALE_LISTS)),
        "\nKnown limits:\n",
        *(f"- **{fault}**: {text}." for fault, text in KNOWN_LIMITS.items()),
        "\n## Other things that break\n",
        "| what | how | verdict | seconds |",
        "|---|---|---|---|",
        *(f"| {v.where} | {v.note} | {v.word} | {v.seconds:.0f} |" for v in cases),
        "",
        *_failures([*points, *cases]),
    ]
    PAGE.write_text("\n".join(parts).rstrip() + "\n")


def _facts(
    points: Sequence[Verdict], cases: Sequence[Verdict], facts: dict[str, object]
) -> list[str]:
    words = [v.word for v in points]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return [
        "| | |",
        "|---|---|",
        f"| date | {datetime.now(UTC):%Y-%m-%d} |",
        f"| runs | {len(points)}, all but three with a fault: {words.count('held')} held,"
        f" {words.count('FAILED')} failed,"
        f" {words.count('known limit')} at a known limit,"
        f" {words.count('not reached')} not reached |",
        f"| other faults | {len(cases)}: {sum(v.word == 'held' for v in cases)} held,"
        f" {sum(v.word == 'FAILED' for v in cases)} failed,"
        f" {sum(v.word == 'skipped' for v in cases)} skipped |",
        f"| took | {facts['seconds']} s, {facts['at_once']} runs at once |",
        f"| machine | {os.cpu_count()} cores, {memory:.0f} GiB, {facts['machine']} |",
        f"| versions | JobFlow {__version__}, Kubernetes {facts['kubernetes']}, Python"
        f" {platform.python_version()}, aiohttp {aiohttp.__version__} |",
    ]


def _grid(verdicts: Sequence[Verdict], faults: Sequence[str]) -> list[str]:
    """A row for each kind of call, a column for each fault."""
    rows = [f"| | {' | '.join(faults)} |", "|---" * (len(faults) + 1) + "|"]
    kinds = dict.fromkeys(v.kind for v in verdicts)
    for kind in kinds:
        cells = []
        for fault in faults:
            of = [v for v in verdicts if v.kind == kind and v.fault == fault]
            reached = [v for v in of if v.word != "not reached"]
            held = sum(v.word == "held" for v in reached)
            cell = f"{held}/{len(reached)}" if reached else ""
            cells.append(f"**{cell}**" if held < len(reached) else cell)
        rows.append(f"| {kind} | {' | '.join(cells)} |")
    return rows


def _failures(verdicts: Sequence[Verdict]) -> list[str]:
    failed = [v for v in verdicts if v.wrong]
    if not failed:
        return []
    lines = ["## What did not hold\n"]
    for verdict in failed:
        told = f"{verdict.where}, {verdict.fault}" if verdict.fault else verdict.where
        lines += [f"- {told}:", *(f"  - {what}" for what in verdict.wrong)]
    return lines


def _is_call(verdict: Verdict) -> bool:
    return verdict.fault in CALL_FAULTS and not _is_event(verdict)


def _is_event(verdict: Verdict) -> bool:
    return verdict.kind.startswith("event of ")
