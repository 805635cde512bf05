"""`$(NAME)` in command, args and env, the way the kubelet expands it.

`$$` is one dollar sign, so `$$(NAME)` stays text; a name without a variable stays as it is written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_REFERENCE = re.compile(r"\$\$|\$\(([^)]*)\)")


def expand(text: str, variables: Mapping[str, str]) -> str:
    """Return `text` with every `$(NAME)` of `variables` replaced."""
    if "$" not in text:
        return text
    return _REFERENCE.sub(
        lambda found: "$" if found[0] == "$$" else variables.get(found[1], found[0]), text
    )
