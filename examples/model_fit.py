"""A model for each region, some of which need more memory than anybody knew.

    python examples/model_fit.py

Each fit starts with 80 Mi. One that runs out of memory is tried again with half as much more, by
itself: the others keep what they have. In the end it says what the fits have used, so that the next
run can ask for the right amount.
"""

import sys
import time

from jobflows.sdk import Tool, task

tool = Tool("fits", image="python:3.12-slim", compute_resources={"cores": 1})

ROWS = {"north": 1, "east": 2, "south": 3, "west": 90}
"""Mebibytes of data of each region."""


@task(
    tool=tool,
    compute_resources={"memory": "80Mi", "runtime": "10m"},
    resource_scales={"memory": {"scale": 0.5, "max": "1Gi"}},
    max_attempts=4,
)
def fit(region: str) -> dict[str, int]:
    """Load all data of a region at once, as fits do."""
    data = b"x" * (ROWS[region] << 20)
    time.sleep(ROWS[region] / 60)  # a fit takes a while
    return {"rows": len(data)}


@task(tool=tool)
def report(regions: int) -> None:
    """Say that all fits are there."""
    print(f"{regions} regions are fitted")


def main() -> int:
    """Define the workflow, run it, and look at what happened."""
    fits = fit.create_tasks(region=list(ROWS))
    end = report.create_task(regions=len(fits), upstream_tasks=fits)
    workflow = tool.create_workflow(retry_delay="10ms")
    workflow.add_tasks([*fits, end])
    outcome = workflow.run()
    print(outcome)
    for task_, errors in workflow.get_errors().items():
        causes = ", ".join(error.cause for error in errors)
        print(f"{task_.name} ran again after: {causes}")
    print(end.log(), end="")
    usage = fit.resource_usage()
    asked = usage.recommended().memory
    if asked is not None:
        print(f"95 % of fits had enough with {asked} MiB")
    return 0 if outcome.succeeded else 1


if __name__ == "__main__":
    sys.exit(main())
