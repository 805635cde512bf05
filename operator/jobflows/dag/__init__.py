"""The shape of a flow: steps as integers, edges as tuples, and a cache of what was compiled."""

from jobflows.dag.cache import CompileCache
from jobflows.dag.graph import CycleError, Graph

__all__ = ["CompileCache", "CycleError", "Graph"]
