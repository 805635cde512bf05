"""What `jobflow map` does not begin with, and why a run could not go on."""

from jobflows.calling.refusal import Refused

__all__ = ["Refused", "Unwritable"]


class Unwritable(Exception):  # noqa: N818 - it is said to a person, never handled
    """The results cannot be written, most often because a disk is full."""
