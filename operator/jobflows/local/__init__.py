"""The local adapter: processes instead of Jobs, driven by the same engine.

Steps run as processes of this machine, built from the same manifests as on a cluster. What only a
cluster can give is refused with a cure, never quietly left out. Not applied here, because one run
on one machine has no use for them: concurrencyPolicy, ttlSecondsAfterFinished, CPU limits.

`prepare` and `reopen` begin a run, `Store` reads those that were.
"""

from jobflows.local.beginning import prepare, reopen, resume, run, start
from jobflows.local.clock import Clock, steady_clock
from jobflows.local.documents import check_parameters
from jobflows.local.errors import (
    BusyError,
    ExecutorError,
    InvalidFlowError,
    LocalRunError,
    NameTakenError,
    NoSuchRunError,
    NothingToResumeError,
    ResumeRefusedError,
    StoreError,
    UnknownParameterError,
)
from jobflows.local.executor import EXECUTORS, Executor, Processes, RunningAttempt
from jobflows.local.home import data_home
from jobflows.local.knowledge import earlier_measures
from jobflows.local.outcome import Outcome
from jobflows.local.questions import Approver
from jobflows.local.runner import Observer, available_cores
from jobflows.local.session import Session
from jobflows.local.sources import Sources, collect_sources, referenced_keys
from jobflows.local.stopping import signals_stop
from jobflows.local.store import Store
from jobflows.local.stored_run import AttemptInfo, RunInfo, StoredRun
from jobflows.local.termination import read_tail
from jobflows.local.unavailable import UnavailableError

__all__ = [
    "EXECUTORS",
    "Approver",
    "AttemptInfo",
    "BusyError",
    "Clock",
    "Executor",
    "ExecutorError",
    "InvalidFlowError",
    "LocalRunError",
    "NameTakenError",
    "NoSuchRunError",
    "NothingToResumeError",
    "Observer",
    "Outcome",
    "Processes",
    "ResumeRefusedError",
    "RunInfo",
    "RunningAttempt",
    "Session",
    "Sources",
    "Store",
    "StoreError",
    "StoredRun",
    "UnavailableError",
    "UnknownParameterError",
    "available_cores",
    "check_parameters",
    "collect_sources",
    "data_home",
    "earlier_measures",
    "prepare",
    "read_tail",
    "referenced_keys",
    "reopen",
    "resume",
    "run",
    "signals_stop",
    "start",
    "steady_clock",
]
