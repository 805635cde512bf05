"""What tasks have used, and what the next ones should ask for: pure statistics.

`samples` makes of attempts what a kind of task needs. `quantiles` are percentiles that know of
samples which were cut short, and how sure they are. `advice` is what follows from them. The
archive, the command line and the pages all count with this.
"""

from jobflows.usage.advice import MARGIN, PERCENTILE, Advice, advise, with_advice
from jobflows.usage.quantiles import NONE, POINTS, Samples
from jobflows.usage.samples import (
    Attempted,
    Usage,
    cores_of,
    of_attempts,
    of_kind,
    seconds_of,
)

__all__ = [
    "MARGIN",
    "NONE",
    "PERCENTILE",
    "POINTS",
    "Advice",
    "Attempted",
    "Samples",
    "Usage",
    "advise",
    "cores_of",
    "of_attempts",
    "of_kind",
    "seconds_of",
    "with_advice",
]
