"""Map and reduce over files: count the words of each file, then add them up.

    python examples/map_reduce.py docs/how-to counts

The tasks are commands of the shell. What a value holds is never read as shell text, so names of
files may be anything.
"""

import sys
from pathlib import Path

from jobflows.sdk import Tool

tool = Tool("word-count", image="busybox:1.36", max_attempts=2)

count = tool.get_task_template(
    "count",
    "tr -cs '[:alpha:]' '[\\n*]' < {file} | tr '[:upper:]' '[:lower:]'"
    " | sort | uniq -c > {counts}/{name}",
    node_args=["file", "name"],
    op_args=["counts"],
)

reduce = tool.get_task_template(
    "reduce",
    "cat {counts}/*.md | awk 'NF == 2 {{sum[$2] += $1}} END {{for (w in sum) print sum[w], w}}'"
    " | sort -k1,1nr -k2 > {counts}/all.txt",
    op_args=["counts"],
)


def main() -> int:
    """Define the workflow and run it."""
    texts, counts = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
    counts.mkdir(exist_ok=True)
    files = sorted(texts.glob("*.md"))
    maps = [count.create_task(file=file, name=file.name, counts=counts) for file in files]
    total = reduce.create_task(counts=counts, upstream_tasks=maps)

    workflow = tool.create_workflow(workflow_args=f"{texts} {counts}", max_concurrently_running=8)
    workflow.add_tasks([*maps, total])
    outcome = workflow.run(resume="--resume" in sys.argv)
    print(outcome)
    if outcome.succeeded:
        most = (counts / "all.txt").read_text().splitlines()[:3]
        print("most often:", ", ".join(line.split()[1] for line in most))
    return 0 if outcome.succeeded else 1


if __name__ == "__main__":
    sys.exit(main())
