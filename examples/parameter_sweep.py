"""A parameter sweep: a task for each combination of parameters, then one that finds the best.

    python examples/parameter_sweep.py results

Started again after a failure with `--resume`, it runs only what is missing.
"""

import json
import math
import random
import sys
from pathlib import Path

from jobflows.sdk import Tool, task

tool = Tool("sweep", image="python:3.12-slim", compute_resources={"cores": 1, "memory": "256Mi"})


@task(tool=tool, op_args=["results"])
def simulate(rate: float, seed: int, results: Path) -> None:
    """Walk down a bumpy hill with steps of a size, and write down how low it got."""
    rng = random.Random(seed)
    place = best = rng.uniform(-4, 4)
    for _ in range(300):
        place = max(-5.0, min(5.0, place - rate * slope(place) + rng.gauss(0, rate)))
        best = min(best, place, key=height)
    file = results / f"rate-{rate}-seed-{seed}.json"
    file.write_text(json.dumps({"rate": rate, "seed": seed, "height": height(best)}))


@task(tool=tool, op_args=["results"])
def choose(runs: int, results: Path) -> dict[str, float]:
    """Compare the rates by what they reached on average."""
    found: dict[float, list[float]] = {}
    for file in results.glob("rate-*.json"):
        run = json.loads(file.read_text())
        found.setdefault(run["rate"], []).append(run["height"])
    assert sum(map(len, found.values())) == runs, "a run is missing"
    mean = {rate: math.fsum(heights) / len(heights) for rate, heights in found.items()}
    best = min(mean, key=mean.__getitem__)
    print(f"the best rate is {best}, which reached {mean[best]:.2f} on average")
    return {"rate": best, "height": mean[best]}


def height(x: float) -> float:
    """A hill with many valleys; the lowest is at -0.52."""
    return x * x / 10 + math.sin(3 * x)


def slope(x: float) -> float:
    """How steep it is there."""
    return x / 5 + 3 * math.cos(3 * x)


def main() -> int:
    """Define the workflow and run it."""
    results = Path(sys.argv[1]).resolve()
    results.mkdir(exist_ok=True)
    runs = simulate.create_tasks(rate=[0.001, 0.03, 0.3], seed=range(2), results=results)
    best = choose.create_task(runs=len(runs), results=results, upstream_tasks=runs)

    workflow = tool.create_workflow(workflow_args=str(results))
    workflow.add_tasks([*runs, best])
    outcome = workflow.run(resume="--resume" in sys.argv)
    print(outcome)
    print(best.log(), end="")
    return 0 if outcome.succeeded else 1


if __name__ == "__main__":
    sys.exit(main())
