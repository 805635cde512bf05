"""Placeholders in a step's strings: `{{ parameters.x }}`, `{{ arguments.x }}`, `{{ step.name }}`.

Substitution walks the tree and replaces inside each string. It never makes text of the tree, so a
value with quotes or braces stays the value of that one string and cannot add fields to a manifest
(zen-flow rendered the JSON text of the Job, where it could). Values are never scanned again and
never run as code.

Spellings: `{{ parameters.x }}` and zen-flow's `{{.parameters.x}}`, `{{ .Parameters.x }}` and
`${parameters.x}`; for the arguments of a template and the facts of an attempt (`CONTEXT`) only
`{{ arguments.x }}`, `{{ step.name }}` and the like. Any other `{{ … }}` or `${ … }` belongs to
somebody else (a shell, Jinja) and is left alone. Called by the validator to find names and by
`jobflows.manifests` to fill them in.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

CONTEXT = ("flow.name", "flow.namespace", "step.name", "step.attempt")
"""What an attempt may say about itself, in the template and metadata of its step."""

OUTCOME = ("flow.phase", "flow.reason", "flow.message")
"""What an exit handler may say about the flow, besides."""

ARGUMENTS = "arguments."
"""What the name of an argument has in front of it, in a placeholder and in `values`."""

_NAME = r"[A-Za-z0-9](?:[-_A-Za-z0-9]*[A-Za-z0-9])?"
_PLACEHOLDER = re.compile(
    rf"\{{\{{\s*\.?[Pp]arameters\.({_NAME})\s*\}}\}}|\$\{{\.?[Pp]arameters\.({_NAME})\}}"
    rf"|\{{\{{\s*({'|'.join(map(re.escape, (*CONTEXT, *OUTCOME)))}|arguments\.{_NAME})\s*\}}\}}"
)
_TASK = re.compile(r"\{\{\s*task\.([A-Za-z][A-Za-z0-9_]*)\s*\}\}")
_START = re.compile(
    r"(?:\{\{-?\s*|\$\{\s*)\.?[Pp]arameters\b[^{}]{0,80}\}{0,2}"
    r"|\{\{-?\s*(?:flow|step|task|arguments)\.[^{}]{0,80}\}{0,2}"
)


def find(text: str) -> list[str]:
    """Return the parameter names that `text` mentions, in order, with repetitions."""
    if "{{" not in text and "${" not in text:
        return []
    return [name for match in _PLACEHOLDER.finditer(text) if (name := match[1] or match[2])]


def find_context(text: str) -> list[str]:
    """Return the members of `CONTEXT` that `text` mentions, in order, with repetitions."""
    return [name for name in _others(text) if name in CONTEXT]


def find_outcome(text: str) -> list[str]:
    """Return the members of `OUTCOME` that `text` mentions, in order, with repetitions."""
    return [name for name in _others(text) if name in OUTCOME]


def find_arguments(text: str) -> list[str]:
    """Return the names of the arguments that `text` mentions, in order, with repetitions."""
    return [name.removeprefix(ARGUMENTS) for name in _others(text) if name.startswith(ARGUMENTS)]


def _others(text: str) -> Iterator[str]:
    if "{{" in text:
        yield from (match[3] for match in _PLACEHOLDER.finditer(text) if match[3])


def has_any(text: str) -> bool:
    """Whether the value of `text` depends on a placeholder."""
    return _PLACEHOLDER.search(text) is not None


def pieces(text: str) -> Iterator[tuple[str, str]]:
    """Take `text` apart: pairs of what stands before a placeholder, and its name in `values`.

    The name of the last pair is empty.
    """
    end = 0
    for match in _PLACEHOLDER.finditer(text):
        yield text[end : match.start()], match[1] or match[2] or match[3]
        end = match.end()
    yield text[end:], ""


def split_task(text: str) -> list[str]:
    """Split `text` at `{{ task.x }}`: literal, name, literal, name, … literal; [] without any."""
    if "{{" not in text:
        return []
    parts = _TASK.split(text)
    return parts if len(parts) > 1 else []


def inline_arguments(tree: Any, arguments: Mapping[str, str]) -> Any:
    """Put the text of each argument that mentions a task in the place of its placeholder."""
    texts = {f"{ARGUMENTS}{name}": text for name, text in arguments.items() if split_task(text)}
    if not texts:
        return tree
    match tree:
        case str():
            return _PLACEHOLDER.sub(lambda match: texts.get(match[3] or "", match[0]), tree)
        case dict():
            return {key: inline_arguments(value, arguments) for key, value in tree.items()}
        case list():
            return [inline_arguments(value, arguments) for value in tree]
        case _:
            return tree


def malformed(text: str) -> list[str]:
    """Return what starts like a placeholder but is none, such as `{{ parameters.x | upper }}`.

    It would reach the container as it stands, which is never what its writer meant.
    """
    if "{{" not in text and "${" not in text:
        return []
    starts = (match[0] for match in _START.finditer(text))
    return [text for text in starts if not (_PLACEHOLDER.match(text) or _TASK.match(text))]


def substitute(value: Any, values: Mapping[str, str]) -> Any:
    """Return a copy of a tree of dicts, lists and strings with all placeholders replaced.

    Keys of dicts stay as they are. A part without placeholders is returned as it is, not copied.
    `values` holds parameters by name, arguments as `arguments.<name>`, and the members of `CONTEXT`
    that apply. A name that is not in `values` raises KeyError.
    """
    match value:
        case str():
            if "{{" not in value and "${" not in value:
                return value
            return _PLACEHOLDER.sub(lambda match: values[match[1] or match[2] or match[3]], value)
        case dict():
            changed = {key: substitute(item, values) for key, item in value.items()}
            return value if all(changed[key] is value[key] for key in value) else changed
        case list() | tuple():
            items = [substitute(item, values) for item in value]
            same = all(new is old for new, old in zip(items, value, strict=True))
            return value if same else type(value)(items)
        case _:
            return value
