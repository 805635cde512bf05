"""What the operator costs the API server, counted in its audit log."""

from pathlib import Path

import pytest

from cluster_suite.audit import writes
from cluster_suite.flows import chain, fan, layers, runs
from cluster_suite.kube import Kube

pytestmark = pytest.mark.cluster

Object = dict[str, object]


@pytest.mark.usefixtures("operator")
@pytest.mark.parametrize(
    ("shape", "steps", "limit"),
    [
        pytest.param(fan("flow", 50), 52, 1.2, id="fan of 1-50-1"),
        pytest.param(layers("flow", 10, 5), 50, 1.2, id="5 layers of 10"),
        pytest.param(chain("flow", 10), 10, 1.5, id="chain of 10"),
        pytest.param(chain("flow", 10, pod=runs("500ms")), 10, 2.5, id="slow chain of 10"),
    ],
)
def test_writes_a_step(
    kube: Kube, audit_log: Path, shape: Object, steps: int, limit: float
) -> None:
    kube.apply(shape)
    kube.ends("flow")
    made = writes(audit_log, kube)
    assert made["create jobs"] == steps, made
    assert made.total() <= limit * steps, made
    assert made.keys() <= {"create jobs", "patch jobflows/status", "create events"}, made
    assert made["create events"] <= 1, made  # advice about steps that are this short
