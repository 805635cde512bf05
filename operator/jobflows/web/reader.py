"""Who looks at the pages, where somebody has to say."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody who is signed in. `by_cookie`: here, and not at a proxy in front."""

    name: str
    token: str = field(repr=False)
    by_cookie: bool = False

    @property
    def mark(self) -> str:
        """Tells readers apart in what is remembered, without their tokens."""
        return hashlib.blake2b(self.token.encode(), digest_size=16).hexdigest()
