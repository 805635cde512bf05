"""A Kubernetes API server in one process, on virtual time, for tests without a cluster.

Start at `model.apiserver`: `simulate(scenario, seed=…)` runs a coroutine against an `ApiServer`,
whose `transport()` is what the operator's client talks through.
"""

from model.apiserver import ApiServer, RequestLine, decoded, kind_of, simulate
from model.faults import Call, Delivery, Fault, NoFaults, RandomFaults, Rules, WatchFault
from model.outcomes import Outcome
from model.virtual_time import Clock, DeadlockError, TimeLimitError, VirtualLoop, run

__all__ = [
    "ApiServer",
    "Call",
    "Clock",
    "DeadlockError",
    "Delivery",
    "Fault",
    "NoFaults",
    "Outcome",
    "RandomFaults",
    "RequestLine",
    "Rules",
    "TimeLimitError",
    "VirtualLoop",
    "WatchFault",
    "decoded",
    "kind_of",
    "run",
    "simulate",
]
