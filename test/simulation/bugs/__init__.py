"""Bugs planted on purpose: each invariant has to see at least one, or it sees nothing."""

from simulation.bugs.bug import Bug
from simulation.bugs.of_controller import OF_CONTROLLER
from simulation.bugs.of_engine import OF_ENGINE
from simulation.bugs.of_replicas import OF_REPLICAS

BUGS: tuple[Bug, ...] = (*OF_ENGINE, *OF_CONTROLLER, *OF_REPLICAS)

__all__ = ["BUGS", "Bug"]
