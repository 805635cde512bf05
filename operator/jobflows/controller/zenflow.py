"""zen-flow's flags, for its Deployment with a new image.

Those that mean the same here are flags of our own; this is about the others. Those of its leader
election have other names here. Its webhook flags say where certificates lie and which port to
serve: where that can be said in our words, it is; where it cannot, one warning names what has no
effect. Called before parsing.
"""

from __future__ import annotations

from pathlib import PurePath

IGNORED_SWITCHES = frozenset({"insecure-webhook"})
"""Without an effect, `--name` or `--name=true`."""

IGNORED_OPTIONS = frozenset({"leader-election-mode"})
"""Without an effect, `--name=value` or `--name value`."""

ELECTION = {
    "leader-election-namespace": "lease-namespace",
    "leader-election-id": "lease-name",
    "leader-election-lease-name": "lease-name",
}
"""Under another name here, beside `--enable-leader-election`, which is `--leader-elect`."""

WEBHOOK_SWITCHES = frozenset({"enable-webhook"})
WEBHOOK_OPTIONS = frozenset({"webhook-addr", "webhook-cert-file", "webhook-key-file"})
"""Become `--webhook-port` and `--webhook-certificates`."""

DEFAULT_ADDRESS = ":9443"


def translate(arguments: list[str]) -> tuple[list[str], list[str]]:
    """The arguments in our words, and warnings about what has none."""
    kept: list[str] = []
    ignored: list[str] = []
    webhook: dict[str, str] = {}
    rest = iter(arguments)
    for argument in rest:
        name, equals, value = argument.removeprefix("--").partition("=")
        if not argument.startswith("--"):
            kept.append(argument)
        elif name in IGNORED_SWITCHES:
            ignored.append(f"--{name}")
        elif name in IGNORED_OPTIONS:
            ignored.append(f"--{name}")
            if not equals:
                next(rest, None)
        elif name == "enable-leader-election":
            kept.append(f"--leader-elect={value if equals else 'true'}")
        elif name in ELECTION:
            kept.append(f"--{ELECTION[name]}={value if equals else next(rest, '')}")
        elif name in WEBHOOK_SWITCHES:
            webhook[name] = value.lower() if equals else "true"
        elif name in WEBHOOK_OPTIONS:
            webhook[name] = value if equals else next(rest, "")
        else:
            kept.append(argument)
    warnings = []
    if ignored:
        words = "There is one way to elect a leader, and a webhook is never without TLS."
        warnings.append(f"no effect, remove: {', '.join(ignored)}. {words}")
    ours = _webhook(webhook)
    if webhook and not ours:
        named = ", ".join(f"--{name}" for name in sorted(webhook))
        warnings.append(
            f"no webhook is served, remove: {named}. Write --webhook-port and"
            " --webhook-certificates DIR, with tls.crt and tls.key in DIR"
        )
    return kept + ours, warnings


def _webhook(said: dict[str, str]) -> list[str]:
    """Our flags for zen-flow's; none where it turns its webhook off, or names other files."""
    certificate = PurePath(said.get("webhook-cert-file", ""))
    key = PurePath(said.get("webhook-key-file", ""))
    if said.get("enable-webhook", "true") not in ("true", "t", "1"):
        return []
    if (certificate.name, key.name) != ("tls.crt", "tls.key") or certificate.parent != key.parent:
        return []
    port = said.get("webhook-addr", DEFAULT_ADDRESS).rpartition(":")[2]
    return [f"--webhook-port={port}", f"--webhook-certificates={certificate.parent}"]
