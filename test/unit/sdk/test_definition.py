"""What makes no sense is refused where it is defined, with a name and a cure."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jobflows.sdk import DefinitionError, Tool, WorkflowError
from jobflows.sdk.flow import build
from unit.sdk.workflows import IMAGE, Lab

Act = Callable[[Lab], Any]


def flow_with(**settings: Any) -> Act:
    """A task with such settings, built."""
    return lambda lab: build(lab.workflow(lab.task("t", "true", **settings)))


MEMORY = {"memory": "1Gi"}

REFUSED: list[tuple[Act, str]] = [
    (lambda lab: Tool(" "), "a tool needs a name"),
    (lambda lab: lab.tool.get_task_template("", "run"), "tool 'lab': a template needs a name"),
    (
        lambda lab: lab.tool.get_task_template("t", "run {x}"),
        "template 't': the command names {x}, which is no argument; add it to node_args",
    ),
    (
        lambda lab: lab.tool.get_task_template("t", "run", node_args=["x"]),
        "template 't': the command does not use argument 'x'; write {x} where it goes",
    ),
    (
        lambda lab: lab.tool.get_task_template("t", "{x}", node_args=["x"], op_args=["x"]),
        "argument 'x' is of two kinds",
    ),
    (
        lambda lab: lab.tool.get_task_template("t", "{fallbacks}", node_args=["fallbacks"]),
        "template 't': an argument cannot be called 'fallbacks'",
    ),
    (
        lambda lab: lab.template("t").create_task(x=1, files=".", y=2),
        "template 't' has no argument 'y'; it has x, files",
    ),
    (lambda lab: lab.template("t").create_task(x=1), "argument 'files' is missing; give files=…"),
    (
        lambda lab: lab.task("t").add_upstream("u"),  # type: ignore[arg-type]
        "task 't-0' cannot wait for 'u'; give a task",
    ),
    (
        lambda lab: lab.task("t").output("a..b"),
        "task 't-0': 'a..b' is no path of names and indexes such as files[0].name",
    ),
    (flow_with(max_attempts=0), "a task of template 't': max_attempts must be a whole number"),
    (
        flow_with(compute_resources={"memroy": 1}),
        "a task of template 't': there is no resource 'memroy'; did you mean memory?",
    ),
    (flow_with(compute_resources={"memory": "lots"}), "memory 'lots' is no quantity; write one"),
    (flow_with(compute_resources={"memory": 0}), "memory must be greater than zero, not 0"),
    (flow_with(compute_resources={"memory": True}), "memory True is no quantity"),
    (flow_with(compute_resources={"cores": "-1"}), "cores must be greater than zero"),
    (flow_with(compute_resources={"runtime": "2d"}), "runtime '2d' is no time; write seconds, 90s"),
    (flow_with(compute_resources={"runtime": 0}), "runtime must be greater than zero"),
    (flow_with(compute_resources={"queue": ""}), "queue must be a name"),
    (flow_with(compute_resources={"node_selector": "x"}), "node_selector must be a dict"),
    (flow_with(compute_resources={"tolerations": "x"}), "tolerations must be a list"),
    (flow_with(resource_scales={"disk": 1}), "there is no scale of 'disk'; there are memory"),
    (flow_with(resource_scales={"memory": -1}), "scale of memory: must be at least 0, not -1"),
    (flow_with(resource_scales={"memory": None}), "scale of memory: None is no scale; write"),
    (flow_with(resource_scales={"memory": []}), "scale of memory: list 1 to 20 amounts"),
    (flow_with(resource_scales={"memory": "value *"}), "scale of memory: 'value *' is not CEL"),
    (
        flow_with(resource_scales={"memory": "size * 2.0"}),
        "scale of memory: 'size * 2.0' names size; it sees only value",
    ),
    (
        flow_with(compute_resources=MEMORY, resource_scales={"memory": "value * 2"}),
        "value is a double: write 2.0, not 2",
    ),
    (
        flow_with(compute_resources=MEMORY, resource_scales={"memory": "'big'"}),
        "gives 'big' after 1; it has to give a number that is no less",
    ),
    (
        flow_with(compute_resources=MEMORY, resource_scales={"memory": lambda v: v / 2}),
        "a task of template 't': scale of memory: gives 0.5 after 1",
    ),
    (
        flow_with(compute_resources=MEMORY, resource_scales={"memory": ["2Gi", "2Gi"]}),
        "scale of memory: 2Gi is not more than 2Gi; list it upwards",
    ),
    (
        flow_with(compute_resources=MEMORY, resource_scales={"memory": {"max": "2Gi"}}),
        'scale of memory: write {"scale": 0.5, "max": …}',
    ),
    (
        flow_with(
            compute_resources={"memory": "4Gi"},
            resource_scales={"memory": {"scale": 0.5, "max": "2Gi"}},
        ),
        "template 't': retryPolicy.resources.memory.max: 2Gi is less than the 4Gi",
    ),
    (flow_with(fallbacks=[{"pool": "x"}]), "fallback: there is no 'pool'; there are node_selector"),
    (flow_with(fallbacks=[{"max": {"queue": "x"}}]), "fallback: max has memory and cores"),
    (
        lambda lab: lab.workflow(lab.task("t"), max_concurrently_running=0),
        "a limit of tasks at once is a whole number of at least 1, not 0",
    ),
    (lambda lab: lab.workflow(*[lab.task("t")] * 2), "'t-0' is in workflow 'lab' already"),
    (
        lambda lab: [lab.workflow(task, args=a) for task in [lab.task("t")] for a in "12"],
        "task 't-0' is in workflow 'lab'; create another one for workflow 'lab'",
    ),
    (
        lambda lab: lab.workflow(lab.task("t")).get_tasks_by_node_args("t", y=1),
        "template 't' has no node argument 'y'; it has x",
    ),
]


@pytest.mark.parametrize(("act", "words"), REFUSED, ids=[words for _, words in REFUSED])
def test_it_is_refused_with_a_name_and_a_cure(lab: Lab, act: Act, words: str) -> None:
    with pytest.raises(DefinitionError) as error:
        act(lab)
    assert words in str(error.value)


def test_a_template_without_an_image_is_for_this_machine_only(lab: Lab) -> None:
    tool = Tool("bare")
    workflow = tool.create_workflow("1")
    workflow.add_task(tool.get_task_template("t", "true").create_task())
    assert workflow.run().succeeded
    with pytest.raises(DefinitionError, match="template 't' has no image to run in on a cluster"):
        workflow.to_yaml()


def test_a_limit_of_a_template_needs_equal_resources(lab: Lab) -> None:
    template = lab.template("t")
    tasks = template.create_tasks(x=[1, 2], files=".")
    tasks.append(template.create_task(x=3, files=".", compute_resources={"cores": 2}))
    workflow = lab.workflow(*tasks)
    workflow.set_task_template_max_concurrency_limit(template, 1)
    with pytest.raises(DefinitionError, match="its tasks have to ask for the same amounts"):
        workflow.validate()


def test_an_unknown_executor_is_refused(lab: Lab) -> None:
    with pytest.raises(WorkflowError, match="there is no executor 'slurm'; give local"):
        lab.workflow(lab.task("t")).run("slurm")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [", "is not YAML"),
        ("- 1", "write one mapping with tool_resources"),
        ("resources: {}", "there is no 'resources'"),
        ("tool_resources: 1", "tool_resources must be a mapping"),
        ("tool_resources: {memory: lots}", "f.yaml, tool 'lab': memory 'lots' is no quantity"),
        ("tool_resources: {a: {cores: 1}, b: {cores: 2}}", "has the clusters a, b; give one as"),
        ("tool_resources: {cores: 1}\ntool_resources: {cores: 2}", "occurs twice"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused(
    lab: Lab, tmp_path: Path, text: str, words: str
) -> None:
    file = tmp_path / "f.yaml"
    file.write_text(text)
    with pytest.raises(DefinitionError) as error:
        lab.tool.set_defaults_from_yaml(file)
    assert words in str(error.value)


def test_a_file_of_jobmon_has_a_level_for_clusters(lab: Lab, tmp_path: Path) -> None:
    file = tmp_path / "f.yaml"
    file.write_text(
        "tool_resources: {slurm: {cores: 1, queue: all.q}, big: {cores: 8}}\n"
        "task_template_resources: {t: {slurm: {memory: 1Gi}, big: {memory: 2Gi}}}\n"
    )
    lab.template("t")
    lab.tool.set_defaults_from_yaml(file, cluster_name="big")
    assert lab.tool.settings.compute_resources == {"cores": "8"}
    assert lab.tool.templates["t"].settings.compute_resources == {"memory": "2Gi"}


def test_a_pod_keeps_what_the_user_says_of_it(lab: Lab) -> None:
    mount = {"name": "data", "mountPath": "/data"}
    tool = Tool(
        "t",
        pod={
            "metadata": {"annotations": {"team": "a"}},
            "volumes": [{"name": "data", "emptyDir": {}}],
            "containers": [
                {"name": "main", "image": IMAGE, "volumeMounts": [mount]},
                {"name": "proxy", "image": IMAGE, "command": ["sleep", "9"]},
            ],
        },
        compute_resources={
            "queue": "science",
            "priority_class": "low",
            "node_selector": {"pool": "a"},
            "nvidia.com/gpu": 1,
        },
    )
    workflow = tool.create_workflow("1")
    workflow.add_task(tool.get_task_template("t", "run").create_task())
    (template,) = workflow.to_flow()["spec"]["templates"]
    job = template["template"]
    assert job["metadata"]["labels"] == {"kueue.x-k8s.io/queue-name": "science"}
    assert job["spec"]["template"]["metadata"] == {"annotations": {"team": "a"}}
    pod = job["spec"]["template"]["spec"]
    main, proxy = pod.pop("containers")
    assert pod == {
        "volumes": [{"name": "data", "emptyDir": {}}],
        "nodeSelector": {"pool": "a"},
        "priorityClassName": "low",
    }
    assert main == {
        "name": "main",
        "image": IMAGE,
        "volumeMounts": [mount],
        "command": ["run"],
        "resources": {"requests": {"nvidia.com/gpu": "1"}, "limits": {"nvidia.com/gpu": "1"}},
    }
    assert proxy["name"] == "proxy"


@pytest.mark.parametrize(
    ("amounts", "memory", "timeout"),
    [
        ({"memory": 2}, "2048Mi", None),
        ({"memory": 0.5}, "512Mi", None),
        ({"memory": 0.0001}, "1Mi", None),
        ({"memory": "1500M"}, "1500M", None),
        ({"memory": "1Gi", "runtime": "1h30m"}, "1Gi", 5400),
        ({"memory": "1Gi", "runtime": "02:00:05"}, "1Gi", 7205),
        ({"memory": "1Gi", "runtime": 0.5}, "1Gi", 1),
    ],
)
def test_amounts_are_exact(
    lab: Lab, amounts: dict[str, Any], memory: str, timeout: int | None
) -> None:
    workflow = lab.workflow(lab.task("t", compute_resources=amounts))
    (template,) = workflow.to_flow()["spec"]["templates"]
    (container,) = template["template"]["spec"]["template"]["spec"]["containers"]
    assert container["resources"]["limits"]["memory"] == memory
    assert template.get("timeoutSeconds") == timeout


def test_an_expression_may_add_and_ends_where_it_stands_still(lab: Lab) -> None:
    task = lab.task(
        "t",
        compute_resources={"memory": "1Gi", "runtime": 100, "cores": 1},
        resource_scales={
            "memory": "value + 0.25",
            "runtime": lambda seconds: min(seconds * 2, 300),
            "cores": "value * 1.5",
        },
        max_attempts=6,
    )
    (template,) = lab.workflow(task).to_flow()["spec"]["templates"]
    assert template["retryPolicy"]["resources"] == {
        "memory": {"values": ["1280Mi", "1536Mi", "1792Mi", "2048Mi", "2304Mi"]},
        "cpu": {"values": ["1500m", "2250m", "3375m", "5063m", "7594m"]},
        "timeout": {"values": [200, 300]},
    }


def test_tasks_are_found_by_their_node_arguments(lab: Lab) -> None:
    grid = lab.tool.get_task_template("grid", "run {x} {y}", node_args=["x", "y"])
    tasks = grid.create_tasks(x=[1, 2], y=["a", "b"])
    workflow = lab.workflow(*tasks)
    assert workflow.get_tasks_by_node_args("grid", x=2) == tasks[2:]
    assert workflow.get_tasks_by_node_args(grid, x=2, y="b") == tasks[3:]
    assert workflow.get_tasks_by_node_args("other") == []
    with pytest.raises(DefinitionError, match="argument x: None is no single value"):
        workflow.get_tasks_by_node_args("grid", x=None)


def test_a_task_may_be_named_and_an_argument_may_be_called_name(lab: Lab) -> None:
    assert lab.template("t").create_task(x=1, files=".", name="mine").name == "mine"
    hello = lab.tool.get_task_template("hello", "echo {name}", node_args=["name"])
    assert hello.create_task(name="Ada").command == ["echo", "Ada"]
