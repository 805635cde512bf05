"""A Job's own `podFailurePolicy`: what a failed pod means for its Job.

Only rules on exit codes can match here; conditions such as DisruptionTarget are a cluster's.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any


class PodVerdict(Enum):
    """COUNT: towards backoffLimit. IGNORE: try again for free. FAIL_JOB: no more tries."""

    COUNT = "Count"
    IGNORE = "Ignore"
    FAIL_JOB = "FailJob"


def judge_pod(policy: Mapping[str, Any] | None, exit_codes: Mapping[str, int]) -> PodVerdict:
    """The verdict of the first rule that matches, and COUNT when none does."""
    for rule in (policy or {}).get("rules") or ():
        wanted = rule.get("onExitCodes")
        if wanted is not None and _matches(wanted, exit_codes):
            return PodVerdict(rule["action"])
    return PodVerdict.COUNT


def _matches(wanted: Mapping[str, Any], exit_codes: Mapping[str, int]) -> bool:
    name = wanted.get("containerName")
    codes = [code for container, code in exit_codes.items() if name in (None, container)]
    inside = wanted["operator"] == "In"
    return any((code in wanted["values"]) == inside for code in codes)
