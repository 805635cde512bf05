"""Flows that are refused: resources that cannot grow, and fallbacks that are never reached."""

from typing import Any

from unit.api.flows import flow, step, template
from unit.api.refused.base import ONE, Case

RESOURCES = f"{ONE}.retryPolicy.resources"
FALLBACKS = f"{ONE}.retryPolicy.fallbacks"


def growing(
    *fallbacks: Any, start: dict[str, Any] | None = None, pod: Any = None, **resources: Any
) -> dict[str, Any]:
    """A flow whose step starts from 1Gi and half a core, and from 60 s."""
    start = {"memory": "1Gi", "cpu": "500m"} if start is None else start
    main = {"name": "main", "image": "busybox", "resources": {"requests": start}}
    policy: dict[str, Any] = {"resources": resources}
    if fallbacks:
        policy["fallbacks"] = list(fallbacks)
    made = template(containers=[main], **(pod or {}))
    return flow(step("a", template=made, timeoutSeconds=60, retryPolicy=policy))


def to(**most: Any) -> dict[str, Any]:
    return {"nodeSelector": {"pool": "big"}, "max": most}


HEAVY = {"name": "main", "image": "busybox", "resources": {"limits": {"memory": "2Gi"}}}
UP = {"factor": 1.5, "max": "4Gi"}

GROWTH = [
    Case("nothing grows", growing(), RESOURCES, "nothing grows", "memory"),
    Case(
        "both ways to grow",
        growing(memory={"factor": 2, "values": ["2Gi"]}),
        f"{RESOURCES}.memory",
        "both factor and values",
        "one of them",
    ),
    Case(
        "no way to grow",
        growing(cpu={"max": "4"}),
        f"{RESOURCES}.cpu",
        "neither factor nor values",
        "one of them",
    ),
    Case(
        "a factor of one",
        growing(memory={"factor": 1}),
        f"{RESOURCES}.memory.factor",
        "greater than 1",
        "1.5",
    ),
    Case(
        "a factor that shrinks",
        growing(memory={"factor": 0.5}),
        f"{RESOURCES}.memory.factor",
        "at least 1",
        "range",
    ),
    Case(
        "memory that the template does not set",
        growing(start={"cpu": "1"}, memory={"factor": 2}),
        f"{RESOURCES}.memory",
        "nothing to start from",
        "resources.requests.memory or limits.memory of the main container",
    ),
    Case(
        "cpu that the template does not set",
        growing(start={"memory": "1Gi"}, cpu={"factor": 2}),
        f"{RESOURCES}.cpu",
        "nothing to start from",
        "requests.cpu",
    ),
    Case(
        "a timeout that the step does not set",
        flow(step("a", retryPolicy={"resources": {"timeout": {"factor": 2}}})),
        f"{RESOURCES}.timeout",
        "nothing to start from",
        "Set timeoutSeconds",
    ),
    Case(
        "a deadline beside the timeout",
        growing(timeout={"factor": 2}, pod={"activeDeadlineSeconds": 60}),
        f"{RESOURCES}.timeout",
        "activeDeadlineSeconds of the pod",
        "timeoutSeconds does the same",
    ),
    Case(
        "no quantity",
        growing(memory={"factor": 2, "max": "4 GB"}),
        f"{RESOURCES}.memory.max",
        "'4 GB' is not a quantity",
        "1Gi",
    ),
    Case(
        "a list with something that is no quantity",
        growing(memory={"values": ["2Gi", "lots"]}),
        f"{RESOURCES}.memory.values[1]",
        "'lots' is not a quantity",
        "1Gi",
    ),
    Case(
        "less than nothing",
        growing(memory={"values": ["-2Gi"]}),
        f"{RESOURCES}.memory.values[0]",
        "greater than zero",
        "Raise",
    ),
    Case(
        "values downwards",
        growing(memory={"values": ["3Gi", "2Gi"]}),
        f"{RESOURCES}.memory.values[1]",
        "2Gi is not more than 3Gi",
        "upwards",
    ),
    Case(
        "a value that is no growth",
        growing(memory={"values": ["1Gi", "2Gi"]}),
        f"{RESOURCES}.memory.values[0]",
        "1Gi is not more than the 1Gi",
        "Raise",
    ),
    Case(
        "no values",
        growing(memory={"values": []}),
        f"{RESOURCES}.memory",
        "neither factor nor values",
        "one of them",
    ),
    Case(
        "a max below the start",
        growing(cpu={"factor": 2, "max": "250m"}),
        f"{RESOURCES}.cpu.max",
        "250m is less than the 500m",
        "Raise",
    ),
    Case(
        "a longest timeout below the first",
        growing(timeout={"factor": 2, "max": 30}),
        f"{RESOURCES}.timeout.max",
        "30 is less than the 60",
        "Raise",
    ),
    Case(
        "a fallback behind what has no end",
        growing(to(memory="8Gi"), memory={"factor": 2}),
        f"{FALLBACKS}[0]",
        "never used",
        "resources.memory or resources.cpu with a max",
    ),
    Case(
        "fallbacks where nothing grows",
        flow(step("a", retryPolicy={"fallbacks": [to()]})),
        f"{FALLBACKS}[0]",
        "never used",
        "resources.memory",
    ),
    Case(
        "a fallback behind one that has room for all",
        growing(to(), to(memory="8Gi"), memory=UP),
        f"{FALLBACKS}[1]",
        "never used",
        "max into the fallback before",
    ),
    Case(
        "fallbacks downwards",
        growing(to(memory="16Gi"), to(memory="8Gi"), memory=UP),
        f"{FALLBACKS}[1].max.memory",
        "8Gi is less than the 16Gi",
        "Raise",
    ),
    Case(
        "a fallback with less than before",
        growing(to(memory="8Gi", cpu="2"), memory=UP, cpu={"factor": 2}),
        f"{FALLBACKS}[0].max.cpu",
        "2 is less than before",
        "Remove",
    ),
    Case(
        "a fallback for what does not grow",
        growing(to(memory="8Gi", cpu="2"), memory=UP),
        f"{FALLBACKS}[0].max.cpu",
        "cpu does not grow",
        "resources.cpu",
    ),
    Case(
        "a fallback with an unknown parameter",
        growing({"nodeSelector": {"pool": "{{ parameters.pool }}"}}, memory=UP),
        f"{FALLBACKS}[0].nodeSelector.pool",
        "no parameter 'pool'",
        "spec.parameters",
    ),
    Case(
        "a default that no step can follow",
        flow(
            step("a"),
            step("b"),
            executionPolicy={"retryPolicy": {"resources": {"memory": {"factor": 2}}}},
        ),
        "spec.executionPolicy.retryPolicy.resources.memory",
        "nothing to start from",
        "main container",
    ),
    Case(
        "a shared template whose growth ends below its start",
        flow(
            {"name": "a", "templateRef": "heavy"},
            {"name": "b", "templateRef": "heavy"},
            templates=[
                {
                    "name": "heavy",
                    "template": template(containers=[HEAVY]),
                    "retryPolicy": {"resources": {"memory": {"factor": 2, "max": "1Gi"}}},
                }
            ],
        ),
        "spec.templates[0].retryPolicy.resources.memory.max",
        "1Gi is less than the 2Gi",
        "Raise",
    ),
]
