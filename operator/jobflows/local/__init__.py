"""The local adapter: processes instead of Jobs, driven by the same engine.

Steps run as processes of this machine, built from the same manifests as on a cluster. What only a
cluster can give is refused with a cure, never quietly left out. Not applied here, because one run
on one machine has no use for them: concurrencyPolicy, ttlSecondsAfterFinished, resources.
"""

from jobflows.local.clock import Clock, steady_clock
from jobflows.local.knowledge import earlier_measures
from jobflows.local.runner import Approver, LocalRunner, Observer, available_cores
from jobflows.local.sources import Sources, collect_sources, referenced_keys
from jobflows.local.stopping import signals_stop
from jobflows.local.termination import read_tail
from jobflows.local.unavailable import UnavailableError
from jobflows.local.workdir import create_workdir, default_workdir

__all__ = [
    "Approver",
    "Clock",
    "LocalRunner",
    "Observer",
    "Sources",
    "UnavailableError",
    "available_cores",
    "collect_sources",
    "create_workdir",
    "default_workdir",
    "earlier_measures",
    "read_tail",
    "referenced_keys",
    "signals_stop",
    "steady_clock",
]
