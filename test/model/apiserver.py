"""An API server in one process, on virtual time: the whole cluster an operator talks to.

    async def scenario(server: ApiServer) -> None:
        transport = server.transport("operator")
        await transport.send(Request("GET", "/apis/batch/v1/jobs"))
    simulate(scenario, seed=3)

Requests take a little virtual time each way and watch events arrive a little late, both drawn from
the seed, so that two runs with one seed are the same to the byte and a test of a thousand seeds
meets a thousand orders of events. Behind the API work a garbage collector, a Job controller and a
kubelet (`controllers=False` leaves them out).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any, NamedTuple, TypeVar

import msgspec

from jobflows.cluster.transport import Request, Response
from model.claims import ClaimProtection
from model.connection import Connection, nothing_at
from model.errors import ApiError
from model.faults import Call, Fault, FaultPolicy, NoFaults
from model.gc import GarbageCollector
from model.job_controller import JobController
from model.kinds import KINDS, NAMESPACES, Kind
from model.kubelet import Kubelet
from model.outcomes import Outcome, Script
from model.rights import Rights
from model.routes import Route, route
from model.storage import Object, Storage
from model.verbs import Verbs, verb_of
from model.virtual_time import Clock, VirtualLoop, run
from model.watchers import Watchers, error_event

T = TypeVar("T")


class RequestLine(NamedTuple):
    """One line of the audit log. `status` is the server's, 0 for a call that never reached it."""

    time: float
    client: str
    verb: str
    resource: str
    namespace: str
    name: str
    status: int


class ApiServer:
    """The server, its store and its controllers, and the handles by which a test moves them.

    latency     mean seconds a request takes, half each way
    watch_lag   longest seconds by which a watch event trails its write
    script      what a pod does (`Outcome`); None leaves it to the pod's `sim.jobflow/` annotations
    faults      what goes wrong on the way, see `model.faults`
    requests    every call so far
    caller      the client whose call is being answered, for those who listen to the storage
    on_create   told of each creation when it is sent, which may be long before it arrives
    """

    def __init__(self, clock: Clock, random: Random, *, controllers: bool = True) -> None:
        self.clock = clock
        self.random = random
        self.latency = 0.002
        self.watch_lag = 0.004
        self.script: Script | None = None
        self.faults: FaultPolicy = NoFaults()
        self.requests: list[RequestLine] = []
        self.caller = ""
        self.on_create: Callable[[Call, Request], None] | None = None
        self.is_down = False
        self.storage = Storage()
        self.watchers = Watchers(self.storage, self._due)
        self.verbs = Verbs(self.storage, clock.now, random)
        self.calls: Counter[tuple[str, str, str]] = Counter()
        if controllers:
            self.claims = ClaimProtection(self.storage, self.verbs, clock)
            self.gc = GarbageCollector(self.storage, self.verbs, clock)
            self.jobs = JobController(self.storage, self.verbs, clock)
            self.kubelet = Kubelet(self.storage, self.verbs, clock, self._outcome)
        for name in ("default", "kube-system"):
            self.create(NAMESPACES, {"metadata": {"name": name}})

    # What clients do.

    def transport(self, client_name: str = "operator", rights: Rights | None = None) -> Connection:
        """A connection under a name by which rules and the request log know the client.

        Without `rights` it may do everything.
        """
        return Connection(self, client_name, rights)

    def call(self, client: str, request: Request) -> tuple[Call, Fault | None, Route | None]:
        """What the call is, and what the fault policy has in store for it."""
        found = route(request.path)
        verb = verb_of(found, request) if found else request.method.lower()
        resource = found.resource if found else request.path
        self.calls[client, verb, resource] += 1
        call = Call(
            client,
            verb,
            resource,
            found.namespace if found else "",
            found.name if found else "",
            self.calls[client, verb, resource],
        )
        if verb == "create" and self.on_create is not None:
            self.on_create(call, request)
        return call, self.faults.on_call(call), found

    def answer(self, found: Route | None, request: Request, client: str = "") -> Response:
        """The effect of a request and its answer, now."""
        if found is None:
            return nothing_at(request.path)
        self.caller = client
        try:
            status, body = self.verbs.answer(found, request)
        except ApiError as error:
            return Response(error.code, error.body, error.retry_after)
        finally:
            self.caller = ""
        return Response(status, body)

    def log(self, call: Call, status: int) -> None:
        self.requests.append(
            RequestLine(
                self.clock.now(),
                call.client,
                call.verb,
                call.resource,
                call.namespace,
                call.name,
                status,
            )
        )

    # What a test does to the world.

    def create(self, kind: Kind, body: Object, namespace: str = "") -> Object:
        """Create an object at once, past latency, faults and log; returns it as stored."""
        return self.verbs.create(Route(kind, namespace, "", ""), body).obj

    def objects(self, kind: Kind, namespace: str = "") -> list[Object]:
        """What is stored now, in the order of namespace and name. Not to be changed."""
        return [record.obj for record in self.storage.select(kind, namespace)]

    def get(self, kind: Kind, name: str, namespace: str = "default") -> Object | None:
        record = self.storage.get(kind, namespace if kind.namespaced else "", name)
        return record.obj if record else None

    def down(self) -> None:
        """Away: every call and every watch fails with `TransportError` until `up`."""
        self.is_down = True
        self.cut_watches()

    def up(self) -> None:
        self.is_down = False

    def compact(self) -> None:
        """Forget the past: watches that resume from it and old continue tokens get 410."""
        self.storage.compact()

    def cut_watches(self, kind: Kind | None = None, *, client: str | None = None) -> None:
        """Break open watches as a lost connection does."""
        for watcher in self._open(kind, client):
            watcher.break_now()

    def end_watches(self, kind: Kind | None = None, *, client: str | None = None) -> None:
        """End open watches in order, as the server does at their timeout."""
        for watcher in self._open(kind, client):
            watcher.end()

    def expire_watches(self, kind: Kind | None = None, *, client: str | None = None) -> None:
        """Send ERROR 410 on open watches and end them, as happens to a watch that fell behind."""
        error = ApiError(410, "Expired", "The resourceVersion for the provided watch is too old.")
        for watcher in self._open(kind, client):
            watcher.push(error_event(error, self._due()))
            watcher.end()

    def writes(self, client: str = "operator") -> int:
        """How many calls of a client that change something reached the server."""
        reads = ("get", "list", "watch")
        return sum(
            line.client == client and line.verb not in reads and line.status > 0
            for line in self.requests
        )

    def _open(self, kind: Kind | None, client: str | None) -> list[Any]:
        return [
            watcher
            for watcher in self.watchers.all()
            if kind in (None, watcher.kind) and client in (None, watcher.client)
        ]

    def _due(self) -> float:
        return self.clock.now() + self.random.uniform(0.0, self.watch_lag)

    def _outcome(self, pod: Object) -> Outcome:
        return self.script(pod) if self.script else Outcome.of_annotations(pod)


def simulate(
    scenario: Callable[[ApiServer], Coroutine[Any, Any, T]],
    *,
    seed: int = 0,
    limit_seconds: float = 7 * 86_400.0,
    controllers: bool = True,
    make_loop: Callable[[], VirtualLoop] = VirtualLoop,
) -> T:
    """Run a scenario against a fresh server on virtual time."""

    async def main(clock: Clock, random: Random) -> T:
        return await scenario(ApiServer(clock, random, controllers=controllers))

    return run(main, seed=seed, limit_seconds=limit_seconds, make_loop=make_loop)


def kind_of(plural: str) -> Kind:
    """A kind by its plural name, e.g. `jobs`."""
    return next(kind for kind in KINDS if kind.plural == plural)


def decoded(response: Response) -> Any:
    """The JSON of an answer."""
    return msgspec.json.decode(response.body)
