"""A real Kubernetes cluster for tests, started from binaries built on this machine.

Tests and benchmarks need a true API server, and often a true scheduler, Job controller and
kubelet, on machines that have no container engine. This package builds them once from Go modules
and starts, reports and stops named clusters. `up`, `down` and `status` are what other code calls;
`python3 test/cluster` is the same for people. It uses the standard library only, so that it runs
before anything of the project is installed.
"""

from cluster.errors import ClusterError, UnavailableError
from cluster.lifecycle import down, status, up
from cluster.record import Record

__all__ = ["ClusterError", "Record", "UnavailableError", "down", "status", "up"]
