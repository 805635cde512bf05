"""In unit tests and simulations the operator may do what the chart lets it do, and no more."""

from __future__ import annotations

import msgspec
import pytest

from jobflows.cluster.transport import Request, WatchRefused
from model import ApiServer, simulate
from model.rights import of_the_operator

from .asking import MAPS_PATH, send

FLOW = "/apis/workflow.kube-zen.io/v1alpha1/namespaces/default/jobflows/a"


def test_what_no_rule_allows_is_refused_in_the_words_of_the_server() -> None:
    async def scenario(server: ApiServer) -> None:
        transport = server.transport("operator", of_the_operator())
        refused = await send(transport, "GET", FLOW)
        assert refused.status == 403
        assert msgspec.json.decode(refused.body)["message"] == (
            'jobflows.workflow.kube-zen.io "a" is forbidden: User "operator" cannot get resource '
            '"jobflows" in API group "workflow.kube-zen.io" in the namespace "default"'
        )
        assert (await send(transport, "GET", FLOW.removesuffix("/a"))).status == 200
        assert (await send(server.transport("user"), "GET", FLOW)).status == 404
        with pytest.raises(WatchRefused) as watch:
            async for _ in transport.watch(Request("GET", MAPS_PATH, {"watch": "true"})):
                pass
        assert watch.value.response.status == 403

    simulate(scenario)
