"""The stages of a pod, from the moments that Kubernetes stamps on it."""

from __future__ import annotations

from typing import Any

from jobflows.manifests.stages import stages
from unit.controller.objects import pod_record

DAY = "2026-01-01T00:00:"
SCHEDULED = {"type": "PodScheduled", "status": "True", "lastTransitionTime": f"{DAY}03Z"}


def container(name: str, **state: Any) -> dict[str, Any]:
    return {"name": name, "state": state}


def test_a_pod_that_has_ended_has_all_stages() -> None:
    main = {"startedAt": f"{DAY}10Z", "finishedAt": f"{DAY}40Z"}
    side = {"startedAt": f"{DAY}11Z", "finishedAt": f"{DAY}42Z"}
    pod = pod_record(
        "Succeeded",
        status={
            "conditions": [SCHEDULED],
            "containerStatuses": [
                container("main", terminated=main),
                container("side", terminated=side),
            ],
        },
    )
    assert stages(pod) == (3.0, 7.0, 32.0)


def test_a_stage_that_is_not_over_is_unknown() -> None:
    running = [container("main", running={"startedAt": f"{DAY}10Z"})]
    assert stages(pod_record("Pending")) == (None, None, None)
    bound = {"conditions": [SCHEDULED]}
    assert stages(pod_record("Pending", status=bound)) == (3.0, None, None)
    ran = pod_record("Running", status=bound | {"containerStatuses": running})
    assert stages(ran) == (3.0, 7.0, None)


def test_a_pod_that_never_ran_has_no_running_time() -> None:
    waiting = [container("main", waiting={"reason": "ImagePullBackOff"})]
    pod = pod_record("Failed", status={"conditions": [SCHEDULED], "containerStatuses": waiting})
    assert stages(pod) == (3.0, None, None)
