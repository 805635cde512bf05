"""What a caller may ask of `optimize` and `execute`: the names of Amorsize's guide, checked.

Each is described once, here; `executing` and the others take the same names. What the guide says of
chunks is true of claims: ranges of items that a worker takes at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypedDict, get_args

from jobflows.chunking.options import CLAIM_SECONDS

if TYPE_CHECKING:
    from jobflows.chunking.cache import Cache

ExecutorType = Literal["auto", "process", "thread"]
Progress = Callable[[str, float], None]
"""Told what is going on, and which share of it is done, 0 to 1. What it raises is not caught."""

SAMPLE_SIZE = 5
MAX_SAMPLE_TIME = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Times are in seconds. Raises ValueError, which names the field."""

    sample_size: int = SAMPLE_SIZE
    """Items to measure at the least, if `max_sample_time` suffices; of tiny items it takes more."""
    max_sample_time: float = MAX_SAMPLE_TIME
    """No further item is measured after this time. One always is."""
    confidence_level: float | None = None
    """Measure on until the mean is known to a tenth with this probability, below 1."""
    target_chunk_duration: float = CLAIM_SECONDS
    """Work that a worker takes at a time. Small is good: to take some costs microseconds."""
    use_spawn_benchmark: bool | None = None
    """Whether to measure what a worker costs, or to estimate it. None: measure for a profile."""
    use_chunking_benchmark: bool | None = None
    """The same for a claim."""
    max_workers: int | None = None
    """Workers at most. None: processes as the cores allow, threads as many as help."""
    n_jobs: int | None = None
    """Exactly so many workers, whatever is measured."""
    executor_type: ExecutorType = "auto"
    """auto: processes for work, threads for waiting, neither where they would not pay."""
    respect_memory_limit: bool = True
    """Whether to take fewer workers than the cores allow when memory would not suffice."""
    adjust_for_system_load: bool = False
    """Whether to take fewer workers while others keep the machine busy."""
    profile: bool = False
    """Whether to measure what is only of interest to people: `OptimizationResult.profile`."""
    enable_function_profiling: bool = False
    """Whether half of the sample runs under cProfile; its times are then not counted."""
    cache: Cache | None = None
    """Where to look for what earlier runs measured, and to leave what this one does."""
    verbose: bool = False
    """Whether to tell on stderr what was found."""
    progress_callback: Progress | None = None
    """Called with what is going on and the share of it that is done, 0 to 1."""

    def __post_init__(self) -> None:
        for name in ("sample_size", "max_workers", "n_jobs"):
            value = getattr(self, name)
            if value is None and name != "sample_size":
                continue
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ValueError(f"{name} is {value!r}: give a whole number of at least 1")
        for name in ("max_sample_time", "target_chunk_duration"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} is {getattr(self, name)!r}: give seconds above 0")
        if self.confidence_level is not None and not 0 < self.confidence_level < 1:
            raise ValueError(
                f"confidence_level is {self.confidence_level!r}: give a probability such as 0.95"
            )
        if self.executor_type not in get_args(ExecutorType):
            raise ValueError(
                f"executor_type is {self.executor_type!r}: "
                f"give one of {', '.join(get_args(ExecutorType))}"
            )

    @property
    def measures_spawn(self) -> bool:
        """Whether to start workers only to see what they cost."""
        return self.profile if self.use_spawn_benchmark is None else self.use_spawn_benchmark

    @property
    def measures_claims(self) -> bool:
        """The same for claims."""
        return self.profile if self.use_chunking_benchmark is None else self.use_chunking_benchmark


class AskedOptions(TypedDict, total=False):
    """The same as keyword arguments."""

    sample_size: int
    max_sample_time: float
    confidence_level: float | None
    target_chunk_duration: float
    use_spawn_benchmark: bool | None
    use_chunking_benchmark: bool | None
    max_workers: int | None
    executor_type: ExecutorType
    respect_memory_limit: bool
    adjust_for_system_load: bool
    profile: bool
    enable_function_profiling: bool
    cache: Any
    verbose: bool
    progress_callback: Progress | None
