"""The picture as text: DOT for graphviz, Mermaid for Markdown pages."""

from __future__ import annotations

import json

from jobflows.drawing.colours import COLOURS, CRITICAL
from jobflows.drawing.picture import Node, Picture
from jobflows.engine import StepPhase


def to_dot(picture: Picture) -> str:
    """For `dot -Tpdf`, and other programs that read graphs."""
    lines = [
        f"digraph {_quoted(picture.title)} {{",
        "  rankdir=LR;",
        '  node [shape=box, style="rounded,filled", fontname="sans-serif", fontsize=11];',
        '  edge [color="#9aa4af"];',
    ]
    for at, node in enumerate(picture.nodes):
        fill, line = COLOURS[node.phase]
        marks = {"label": "\n".join([node.name, *node.details]), "fillcolor": fill, "color": line}
        if node.message:
            marks["tooltip"] = node.message
        if node.critical:
            marks |= {"color": CRITICAL, "penwidth": "2"}
        if node.on_exit:
            marks["style"] = "rounded,filled,dashed"
        shown = ", ".join(f"{name}={_quoted(value)}" for name, value in marks.items())
        lines.append(f"  n{at} [{shown}];")
    for a, b in picture.edges:
        mark = f' [color="{CRITICAL}", penwidth=2]' if (a, b) in picture.critical else ""
        lines.append(f"  n{a} -> n{b}{mark};")
    return "\n".join([*lines, "}"]) + "\n"


def to_mermaid(picture: Picture) -> str:
    """For a `mermaid` block of a Markdown page."""
    lines = ["flowchart LR"]
    lines += [
        f"  n{at}[{_label(node)}]:::{_class(node.phase)}" for at, node in enumerate(picture.nodes)
    ]
    lines += [f"  n{a} --> n{b}" for a, b in picture.edges]
    for phase in dict.fromkeys(node.phase for node in picture.nodes):
        fill, line = COLOURS[phase]
        lines.append(f"  classDef {_class(phase)} fill:{fill},stroke:{line},color:#1b1f24")
    on_path = [f"n{at}" for at, node in enumerate(picture.nodes) if node.critical]
    if on_path:
        lines.append(f"  classDef critical stroke:{CRITICAL},stroke-width:3px")
        lines.append(f"  class {','.join(on_path)} critical")
    marked = [str(at) for at, edge in enumerate(picture.edges) if edge in picture.critical]
    if marked:
        lines.append(f"  linkStyle {','.join(marked)} stroke:{CRITICAL},stroke-width:3px")
    return "\n".join(lines) + "\n"


def _label(node: Node) -> str:
    words = "<br/>".join([node.name, *node.details])
    return '"' + words.replace('"', "#quot;") + '"'


def _class(phase: StepPhase | None) -> str:
    return str(phase).lower() if phase is not None else "planned"


def _quoted(words: str) -> str:
    """A string of DOT: like one of JSON, but for letters, which stay as they are."""
    return json.dumps(words, ensure_ascii=False)
