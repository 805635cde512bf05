"""What can go wrong with a workflow, each in words that name what it is about and the cure."""


class WorkflowError(Exception):
    """A workflow cannot be run, or asked about, as it was told to; the message has the cure."""


class DefinitionError(WorkflowError, ValueError):
    """What was defined makes no sense. Raised where it is defined, before anything runs."""


class WorkflowExistsError(WorkflowError):
    """There is a run with the same `workflow_args` already, and `resume` was not asked for."""


class WorkflowChangedError(WorkflowError):
    """The run that is to be resumed has other tasks than the workflow has now."""


class WorkflowCompleteError(WorkflowError):
    """There is nothing to resume: all tasks have succeeded."""


class WorkflowTimeoutError(WorkflowError, TimeoutError):
    """The time that `run` or `wait` was given is over; what is done is kept, and can be resumed."""


class ClusterError(WorkflowError):
    """The cluster cannot be reached, or does not allow what was asked."""
