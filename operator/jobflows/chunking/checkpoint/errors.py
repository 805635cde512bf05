"""How a result log says no; each message names the file and what to do."""


class ResultLogError(Exception):
    """The log cannot be read, written or locked. What was flushed into it stays valid."""


class OtherResultsError(ResultLogError):
    """The log holds results of another function or of other items."""


class FingerprintError(ValueError):
    """Something of which cannot be told whether it is the same in the next process."""
