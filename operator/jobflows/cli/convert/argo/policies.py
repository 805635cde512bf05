"""Retries, times and locks of Argo as JobFlow says them."""

from __future__ import annotations

import math
import re
from typing import Any

from jobflows.api.durations import format_duration, parse_duration
from jobflows.cli.convert.source import Part, label

UNLIMITED = 10
"""What stands in for retries without end."""


def retry_policy(template: Part) -> dict[str, Any]:
    """The retryPolicy of a template; empty without retries."""
    strategy = template.part("retryStrategy")
    if strategy is None:
        return {}
    limit = whole(strategy, "limit")
    if limit is None:
        limit = UNLIMITED
        words = f"retries without end become {UNLIMITED}; set retryPolicy.limit"
        template.notes.changed(strategy.path, words)
    strategy.lose("expression", "retryPolicy has a budget for each cause, and podFailurePolicy")
    strategy.lose("affinity", "use retryPolicy.fallbacks to move an attempt elsewhere")
    policy = strategy.text("retryPolicy") or "OnFailure"
    made: dict[str, Any] = {"limit": limit, "backoff": _backoff(strategy)}
    if policy in ("OnError", "OnTransientError"):
        made |= {"limit": 0, "onDisruption": {"limit": limit}}
    elif policy == "Always":
        made["onDisruption"] = {"limit": limit}
    else:
        words = "lost pods are tried again up to 10 times besides; see retryPolicy.onDisruption"
        template.notes.changed(strategy.path, words)
    return made


def _backoff(strategy: Part) -> dict[str, Any]:
    backoff = strategy.part("backoff")
    if backoff is None:
        return {"type": "Fixed", "duration": "1s"}
    made: dict[str, Any] = {"type": "Fixed", "duration": duration(backoff, "duration") or "1s"}
    if (factor := number(backoff, "factor")) is not None:
        made |= {"type": "Exponential", "factor": factor}
    if cap := duration(backoff, "cap"):
        made["maxDuration"] = cap
    backoff.lose("maxDuration", "limits all retries together; set timeoutSeconds and limit")
    return made


def timeout_seconds(template: Part) -> int | None:
    """The time of one attempt, or of the node where Argo has a timeout for that."""
    seconds = whole(template, "activeDeadlineSeconds")
    timeout = duration(template, "timeout")
    if timeout is not None:
        words = "counts for each attempt, and not for the time that it waits"
        template.notes.changed(template.at("timeout"), words)
        ceiling = math.ceil(parse_duration(timeout))
        seconds = ceiling if seconds is None else min(seconds, ceiling)
    return seconds


def locks(template: Part) -> list[dict[str, Any]]:
    """Mutexes as locks; a semaphore's size is in a ConfigMap that nobody here can see."""
    held = template.part("synchronization")
    if held is None:
        return []
    single = held.part("mutex")
    found = [*([single] if single is not None else []), *held.parts("mutexes")]
    made = [{"name": label(each.text("name"))} for each in found]
    why = "its size is in a ConfigMap; write steps[].locks with a name and a limit"
    held.lose("semaphore", why)
    held.lose("semaphores", why)
    return made


def whole(part: Part, key: str) -> int | None:
    """A whole number, which Argo allows to be text; None when it is missing or not known now."""
    value = part.take(key)
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int) or (isinstance(value, str) and re.fullmatch(r"\d+", value)):
        return int(value)
    part.notes.lost(part.at(key), f"'{value}' is no number that is known now")
    return None


def number(part: Part, key: str) -> float | None:
    """A number, which Argo allows to be text; None when it is missing or not known now."""
    value = part.take(key)
    if value is None:
        return None
    if re.fullmatch(r"\d+(\.\d+)?", str(value)):
        return float(value)
    part.notes.lost(part.at(key), f"'{value}' is no number that is known now")
    return None


def duration(part: Part, key: str) -> str | None:
    """A duration, which Argo also takes as a number of seconds."""
    value = part.take(key)
    if value is None:
        return None
    text = f"{value}s" if re.fullmatch(r"\d+", str(value)) else str(value)
    try:
        return format_duration(parse_duration(text))
    except ValueError:
        part.notes.lost(part.at(key), f"'{value}' is no duration that is known now")
        return None
