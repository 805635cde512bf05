"""What can be wrong with a run on this machine, before it starts or when it is looked for."""

from __future__ import annotations

from collections.abc import Sequence

from jobflows.api.validation import Problem


class LocalRunError(Exception):
    """The message says what is wrong and what to do."""


class InvalidFlowError(LocalRunError):
    """The flow has problems; `problems` has each with its path."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("the flow is invalid: " + "; ".join(map(str, problems)))
        self.problems = list(problems)


class UnknownParameterError(LocalRunError):
    """A parameter was given that the flow does not have, or one is missing."""


class StoreError(LocalRunError):
    """The runs of this machine cannot be read or written."""


class NoSuchRunError(LocalRunError):
    """There is no run by that name."""


class NameTakenError(LocalRunError):
    """There is a run by that name already."""


class BusyError(LocalRunError):
    """Somebody else runs it; `pid` and `host` say who, as far as that is known."""

    def __init__(self, name: str, pid: int | None, host: str) -> None:
        who = f"process {pid} on {host}" if pid else "another process"
        super().__init__(f"run {name} is being run by {who}; `jobflow stop {name}` ends it")
        self.pid, self.host = pid, host


class ResumeRefusedError(LocalRunError):
    """The request to resume makes no sense for this run."""


class NothingToResumeError(ResumeRefusedError):
    """The run succeeded, and no step was named."""


class ExecutorError(LocalRunError):
    """There is no such executor here."""
