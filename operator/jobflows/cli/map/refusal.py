"""What `jobflow map` does not begin with, and why a run could not go on."""


class Refused(Exception):  # noqa: N818 - it is said to a person, never handled
    """Wrong usage, or a file that cannot be used; the message names it and the cure."""


class Unwritable(Exception):  # noqa: N818 - the same
    """The results cannot be written, most often because a disk is full."""
