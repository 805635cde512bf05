"""A map as an Indexed Job: each pod gets its block, and what it measured comes back once."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from jobflows.api.array import TaskValues
from jobflows.api.map import Blocks
from jobflows.engine import AttemptState, StartAttempt
from jobflows.engine.indexes import IndexSet
from jobflows.local.expansion import expand
from jobflows.manifests.job import build_job
from jobflows.manifests.observe_batch import observe_batch, read_outputs, silent_positions
from unit.controller.objects import condition, job_record, pod_record
from unit.manifests.made import made, template

ITEMS = ["a b", {"quote": "it's", "dollar": "$HOME $(X) `id`"}, None, 4, "\u00fc\n"]


def job(**how: Any) -> Any:
    step = {"map": {"function": "shop.prices:fetch", "items": ITEMS, "itemsPerTask": 2, **how}}
    blocks = Blocks(ITEMS, 2)
    values = TaskValues(len(blocks), items=blocks)
    start = StartAttempt(0, 1, {}, IndexSet.parse("0-2"), values, items_per_task=2)
    return build_job(made(template(), step=step), start)


def test_each_pod_starts_the_map_with_its_own_items(tmp_path: Any) -> None:
    (tmp_path / "jobflow").write_text('#!/bin/sh\nprintf "%s|" "$@"\nprintf "%s" "$JOBFLOW_ITEMS"')
    (tmp_path / "jobflow").chmod(0o755)
    made_job = job(out="/data/out-{{ task.index }}.jsonl", checkpoint="/data/log")
    assert made_job["metadata"]["annotations"]["workflow.kube-zen.io/items-per-task"] == "2"
    (container,) = made_job["spec"]["template"]["spec"]["containers"]
    said = []
    for position in range(3):
        env = {"JOB_COMPLETION_INDEX": str(position), "PATH": f"{tmp_path}:/usr/bin:/bin"}
        for variable in container["env"]:
            env[variable["name"]] = expand(variable["value"], env)
        words = [expand(word, env) for word in (*container["command"], *container["args"])]
        done = subprocess.run(words, env=env, capture_output=True, check=True)
        said.append(done.stdout.decode().split("|", 10))
    assert [json.loads(words[-1]) for words in said] == [
        {"first": 0, "items": ITEMS[:2]},
        {"first": 2, "items": ITEMS[2:4]},
        {"first": 4, "items": ITEMS[4:]},
    ]
    assert said[1][:-1] == [
        *["map", "shop.prices:fetch", "--items", "env:JOBFLOW_ITEMS"],
        *["--out", "/data/out-1.jsonl", "--checkpoint", "/data/log/1", "--errors", "raise"],
    ]


def batch(**status: Any) -> Any:
    marks = {"workflow.kube-zen.io/tasks": "3-5", "workflow.kube-zen.io/items-per-task": "2"}
    return job_record(annotations=marks, spec={"completions": 3}, status=status)


def test_a_success_is_told_with_its_measures_and_not_before() -> None:
    one = batch(completedIndexes="0,2")
    assert str(silent_positions(one, {})) == "0,2"
    assert not observe_batch(1, one, {}, {}, 0.0).succeeded
    told = observe_batch(1, one, {}, {0: "said"}, 0.0)
    assert str(told.succeeded) == "3"
    assert told.outputs == {3: "said"}
    assert told.items_per_task == 2


def test_a_job_that_is_complete_is_over_when_all_is_read() -> None:
    over = job_record(
        annotations={
            "workflow.kube-zen.io/tasks": "0-1",
            "workflow.kube-zen.io/items-per-task": "2",
        },
        spec={"completions": 2},
        status={"completedIndexes": "0-1"},
        conditions=(condition("Complete"),),
    )
    assert observe_batch(1, over, {}, {0: ""}, 0.0).state is AttemptState.RUNNING
    assert observe_batch(1, over, {}, {0: "", 1: ""}, 0.0).state is AttemptState.SUCCEEDED


def test_a_pod_that_is_gone_says_nothing_and_holds_nothing_up() -> None:
    one = batch(completedIndexes="0,2")
    pod = pod_record(
        "Succeeded",
        labels={"batch.kubernetes.io/job-completion-index": "2"},
        status={
            "containerStatuses": [
                {"name": "main", "state": {"terminated": {"exitCode": 0, "message": "said"}}}
            ]
        },
    )
    assert read_outputs(one, silent_positions(one, {}), [pod]) == {0: "", 2: "said"}
