"""JobFlow: batch workflows as DAGs of `batch/v1` Jobs, on Kubernetes and on one machine."""

__version__ = "0.1.0"
