"""Map steps: the command that is written, and the blocks of their items."""

from typing import Any

from jobflows.api.map import Blocks, Map, with_command
from jobflows.api.validation import validate
from unit.api.flows import flow, step
from unit.api.refused.base import container


def mapping(**fields: Any) -> Map:
    return Map.model_validate({"function": "shop.prices:fetch", **fields})


def test_items_in_the_pod_are_named_and_defaults_are_not() -> None:
    assert mapping(items="/data/*.csv").command() == [
        *["jobflow", "map", "shop.prices:fetch", "--items", "/data/*.csv"],
        *["--out", "/dev/null", "--errors", "raise"],
    ]


def test_every_field_reaches_the_command() -> None:
    how = mapping(
        items=[1],
        workers=4,
        targetChunkSeconds=0.5,
        out="/data/{{ task.index }}.jsonl",
        checkpoint="/data/log/",
        errors="return",
        timeoutSeconds=30,
    )
    assert how.command() == [
        *["jobflow", "map", "shop.prices:fetch", "--items", "env:JOBFLOW_ITEMS"],
        *["--out", "/data/{{ task.index }}.jsonl"],
        *["--checkpoint", "/data/log/{{ task.index }}"],
        *["--workers", "4"],
        *["--target-chunk-seconds", "0.5"],
        *["--errors", "return"],
        *["--timeout", "30.0", "--accept-failures"],
    ]


def test_only_the_main_container_gets_the_command_and_the_rest_is_shared() -> None:
    side = {"name": "side", "image": "busybox", "command": ["sleep", "1"]}
    main = {"name": "main", "image": "busybox", "env": [{"name": "A", "value": "1"}]}
    template = {"spec": {"template": {"spec": {"containers": [side, main]}}}}
    made = with_command(template, mapping(items=[1]))["spec"]["template"]["spec"]["containers"]
    assert made[0] is side
    assert made[1]["command"][:2] == ["jobflow", "map"]
    assert made[1]["env"] == [
        {"name": "JOBFLOW_ITEMS", "value": "{{ task.items }}"},
        {"name": "A", "value": "1"},
    ]
    assert "command" not in main


def test_blocks_hold_each_item_once_as_one_line_of_json() -> None:
    blocks = Blocks(("a\nb", {"k": 1}, None), 2)
    assert list(blocks) == [
        {"items": '{"first":0,"items":["a\\nb",{"k":1}]}'},
        {"items": '{"first":2,"items":[null]}'},
    ]


def accepted(**how: Any) -> list[Any]:
    step_map = {"function": "shop.prices:fetch", **how}
    return validate(flow(step("a", template=container(command=None), map=step_map)))


def test_one_task_may_write_one_file() -> None:
    assert accepted(items=[1, 2], itemsPerTask=2, out="/data/out.jsonl") == []
    assert accepted(items=[1], out="/data/out.jsonl") == []
    assert accepted(items="/data/*.csv", out="/data/out.jsonl") == []


def test_parameters_may_stand_in_the_texts_of_a_map() -> None:
    document = flow(
        step(
            "a",
            template=container(command=None),
            map={"function": "a.b:{{ parameters.f }}", "items": "/{{ parameters.f }}.csv"},
        )
    )
    document["spec"]["parameters"] = [{"name": "f", "value": "x"}]
    assert validate(document) == []
