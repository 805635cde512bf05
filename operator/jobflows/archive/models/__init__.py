"""The tables of the archive.

Times are UNIX seconds, memory is in bytes, CPU in thousandths of a core. A column that is null is
unknown: nothing was measured or said, which is never the same as zero. `version` orders what is
known of a row (`writing.py`): an older one never replaces a newer one.

Flows have no foreign keys upon them: an attempt may be written before its flow, and everything that
has a `flow_id` is pruned with its flow.
"""

from jobflows.archive.models.attempts import NO_TASK, Attempt, Error, Kind, Log
from jobflows.archive.models.base import Base
from jobflows.archive.models.flows import Chunking, Document, Flow, Label, Run, Step

__all__ = [
    "NO_TASK",
    "Attempt",
    "Base",
    "Chunking",
    "Document",
    "Error",
    "Flow",
    "Kind",
    "Label",
    "Log",
    "Run",
    "Step",
]
