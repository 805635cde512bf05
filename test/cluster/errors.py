"""What can go wrong, told apart by what a caller does about it: fail, or name a skip."""


class ClusterError(Exception):
    """Something that should have worked did not. The command exits with 1."""

    exit_code = 1


class UnavailableError(ClusterError):
    """The machine cannot run the cluster asked for. The command exits with 3: a named skip."""

    exit_code = 3
