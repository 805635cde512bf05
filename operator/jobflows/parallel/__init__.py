"""Ready-made ways to use the cores: a function over items, features on a reference, tasks in a DAG.

All of it runs on `jobflows.chunking`. The names are those of the tuning guide that people know;
`parallel_alignment`, `task_manager` and `hierarchical_executor` are its modules.
"""

from jobflows.parallel.errors import PoolType, TaskFailedError
from jobflows.parallel.hierarchical_executor import HierarchicalExecutor
from jobflows.parallel.memory import in_batches, workers_that_fit
from jobflows.parallel.parallel_alignment import ParallelAligner
from jobflows.parallel.placement import Feature, Placement, place
from jobflows.parallel.task_manager import execute_parallel

__all__ = [
    "Feature",
    "HierarchicalExecutor",
    "ParallelAligner",
    "Placement",
    "PoolType",
    "TaskFailedError",
    "execute_parallel",
    "in_batches",
    "place",
    "workers_that_fit",
]
