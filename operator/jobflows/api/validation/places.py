"""Where each step stands in the document: exit handlers are steps of a list of their own."""

from jobflows.api.model import JobFlow
from jobflows.api.spec import Step
from jobflows.api.validation.problems import Path


def places(flow: JobFlow) -> list[tuple[Path, Step]]:
    """Paths and steps in the order of `Spec.all_steps`, whose indexes the graph uses."""
    lists = (("steps", flow.spec.steps), ("onExit", flow.spec.on_exit))
    return [(("spec", key, i), step) for key, steps in lists for i, step in enumerate(steps)]


def is_handler(flow: JobFlow, index: int) -> bool:
    """Whether the step with this index is an exit handler."""
    return index >= len(flow.spec.steps)
