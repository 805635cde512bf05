"""What a command that calls a function does not begin with."""


class Refused(Exception):  # noqa: N818 - it is said to a person, never handled
    """Wrong usage, or something that cannot be used; the message names it and the cure."""
