"""Order: a step reads only steps that it waits for.

Without this rule `when` and jsonPath inputs would read a step that has not run yet, or has, by
chance.
"""

from collections.abc import Iterator
from typing import NamedTuple

from jobflows.api.model import JobFlow
from jobflows.api.validation.graph import StepGraph
from jobflows.api.validation.places import is_handler
from jobflows.api.validation.problems import Path, Problem


class Demand(NamedTuple):
    """At `path`, `reader` reads `read`; both are indexes of steps."""

    path: Path
    reader: int
    read: int
    what: str


def order(flow: JobFlow, graph: StepGraph, demands: list[Demand]) -> Iterator[Problem]:
    """Each step that is read is an ancestor of its reader."""
    if not graph.acyclic:
        return  # the cycle is the problem to solve first; there is no before and after in it
    steps = flow.spec.all_steps
    early = graph.behind((demand.reader, demand.read) for demand in demands)
    for demand in demands:
        if (demand.reader, demand.read) not in early:
            continue
        reads_handler = is_handler(flow, demand.read)
        if is_handler(flow, demand.reader) and not reads_handler:
            continue  # all steps are done before exit handlers start
        if any(name not in graph.index for name in steps[demand.reader].dependencies):
            continue  # most likely the misspelt dependency is the one that is missing here
        reader, read = steps[demand.reader].name, steps[demand.read].name
        if demand.reader == demand.read:
            yield Problem(
                demand.path, f"step '{reader}' reads itself", "Read a step that it depends on"
            )
        elif reads_handler and not is_handler(flow, demand.reader):
            words = f"step '{reader}' reads '{read}', an exit handler, which starts after all steps"
            yield Problem(demand.path, words, "Read a step that it depends on")
        else:
            yield Problem(
                demand.path,
                f"step '{reader}' reads '{read}' but does not wait for it",
                f"Add {read} to the dependencies of '{reader}'",
            )
