"""A function over many items, on all cores, in one process tree.

Workers claim ranges of items from a shared counter, so a claim costs microseconds and chunks need
no tuning. The first items run in the caller and their results are kept; the rest goes to workers
if that pays. Nothing here imports the rest of the project, or anything that is not in the standard
library; what is named below is imported when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jobflows.chunking.adaptive import AdaptiveResult, optimize_with_adaptive_chunking
    from jobflows.chunking.batches import execute_batch
    from jobflows.chunking.cache import Cache
    from jobflows.chunking.errors import Halted, ItemError
    from jobflows.chunking.executing import execute
    from jobflows.chunking.optimizing import optimize
    from jobflows.chunking.options import Options
    from jobflows.chunking.profile import DiagnosticProfile
    from jobflows.chunking.report import Report
    from jobflows.chunking.result import OptimizationResult
    from jobflows.chunking.run import MapRun
    from jobflows.chunking.streaming import StreamingResult, optimize_streaming
    from jobflows.chunking.validating import ValidationReport, benchmark_validate

__all__ = [
    "AdaptiveResult",
    "Cache",
    "DiagnosticProfile",
    "Halted",
    "ItemError",
    "MapRun",
    "OptimizationResult",
    "Options",
    "Report",
    "StreamingResult",
    "ValidationReport",
    "benchmark_validate",
    "execute",
    "execute_batch",
    "optimize",
    "optimize_streaming",
    "optimize_with_adaptive_chunking",
]

# No module has the name of what is in it, because the import of a module sets that name here.
_WHERE = {
    "AdaptiveResult": "adaptive",
    "Cache": "cache",
    "DiagnosticProfile": "profile",
    "Halted": "errors",
    "ItemError": "errors",
    "MapRun": "run",
    "OptimizationResult": "result",
    "Options": "options",
    "Report": "report",
    "StreamingResult": "streaming",
    "ValidationReport": "validating",
    "benchmark_validate": "validating",
    "execute": "executing",
    "execute_batch": "batches",
    "optimize": "optimizing",
    "optimize_streaming": "streaming",
    "optimize_with_adaptive_chunking": "adaptive",
}


def __getattr__(name: str) -> object:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(importlib.import_module(f"{__name__}.{_WHERE[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
