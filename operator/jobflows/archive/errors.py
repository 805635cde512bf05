"""What goes wrong with an archive, in words for people."""


class ArchiveError(Exception):
    """The text says what is wrong, and the cure."""


class UnansweredError(ArchiveError):
    """The database does not answer; it may, later."""
