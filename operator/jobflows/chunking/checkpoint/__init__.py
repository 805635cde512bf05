"""What is done already, on disk: a run that was killed goes on where it was.

`ResultLog` keeps results by the index of their item, `function_key` and `items_fingerprint` say of
which function and which items they are.
"""

from jobflows.chunking.checkpoint.errors import (
    FingerprintError,
    OtherResultsError,
    ResultLogError,
)
from jobflows.chunking.checkpoint.fingerprint import function_key, items_fingerprint
from jobflows.chunking.checkpoint.log import ResultLog

__all__ = [
    "FingerprintError",
    "OtherResultsError",
    "ResultLog",
    "ResultLogError",
    "function_key",
    "items_fingerprint",
]
