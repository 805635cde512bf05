"""Orders to flows of a cluster, each given with the token of the reader who gives it."""

from __future__ import annotations

from jobflows.archive import FlowInfo
from jobflows.cluster.client import Client
from jobflows.cluster.errors import ApiError
from jobflows.steering.errors import SteerError
from jobflows.steering.flows import ClusterFlows
from jobflows.web.actions import Order, follow
from jobflows.web.forms import RefusedError
from jobflows.web.login.api_server import NotSignedInError, UnansweredError
from jobflows.web.login.gate import Login
from jobflows.web.reader import Reader

FORBIDDEN = 403


class ClusterOrders:
    """Orders to the flows of the cluster where readers sign in."""

    resumes = True

    def __init__(self, login: Login) -> None:
        self._login = login

    def possible(self, flow: FlowInfo, reader: Reader | None) -> bool:
        """Whether it is still there, and the reader may change it."""
        if reader is None or flow.origin != self._login.origin or flow.deleted is not None:
            return False
        return self._login.server.may_change(reader, flow.namespace, flow.name)

    def give(self, flow: FlowInfo, order: Order, reader: Reader | None) -> None:
        """Give an order; raises `RefusedError`."""
        if reader is None or flow.origin != self._login.origin:
            raise RefusedError("that flow is of another cluster", FORBIDDEN)

        async def act(client: Client) -> None:
            place = ClusterFlows(client, flow.namespace)
            record = await place.record(flow.name)
            if record.metadata.uid != flow.id:
                raise RefusedError(f"that flow is gone; another one is called {flow.name} now")
            await follow(place, flow.name, order)

        try:
            self._login.server.speak(reader, act)
        except ApiError as error:
            if error.forbidden:
                raise RefusedError(f"not allowed: {error.message}", FORBIDDEN) from error
            raise RefusedError(f"the API server says: {error.message or error}") from error
        except NotSignedInError as error:
            raise RefusedError("your token is not good any more; sign in again", 401) from error
        except (SteerError, UnansweredError) as error:
            raise RefusedError(str(error)) from error
