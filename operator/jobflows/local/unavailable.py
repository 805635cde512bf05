"""What a cluster has and one machine has not, in words that name the field and the cure."""

from __future__ import annotations


class UnavailableError(Exception):
    """An attempt cannot be started here. The message names the field and what to do instead."""

    def __init__(self, where: str, what: str, cure: str) -> None:
        super().__init__(f"{where}: {what}. {cure}")
