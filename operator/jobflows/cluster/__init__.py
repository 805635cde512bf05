"""The Kubernetes adapter: calls, live copies of objects, rate limits and events.

From a connection up: `login` finds the server, `http` moves bytes, `client` makes calls of them,
`informer` keeps a live copy, `events` tells users. All time is the event loop's or a `Clock`'s and
all randomness is handed in, so the same code runs in a simulation. `AiohttpTransport` is imported
from `jobflows.cluster.http`, so that nothing else needs aiohttp.
"""

from jobflows.cluster.backoff import Backoff
from jobflows.cluster.client import Client, Observe
from jobflows.cluster.clock import Clock, micro_time
from jobflows.cluster.errors import ApiError
from jobflows.cluster.events import EventRecorder
from jobflows.cluster.informer import Informer, InformerStats, TimeTravelError
from jobflows.cluster.limiter import Limiter
from jobflows.cluster.login import Connection, LoginError, connect
from jobflows.cluster.records import Metadata, ObjectMeta, Record
from jobflows.cluster.resources import (
    CONFIG_MAPS,
    EVENTS,
    JOBFLOWS,
    JOBS,
    LEASES,
    PERSISTENT_VOLUME_CLAIMS,
    PODS,
    ObjectRef,
    Resource,
)
from jobflows.cluster.transport import (
    JSON,
    JSON_PATCH,
    MERGE_PATCH,
    Request,
    Response,
    Transport,
    TransportError,
    WatchRefused,
)

__all__ = [
    "CONFIG_MAPS",
    "EVENTS",
    "JOBFLOWS",
    "JOBS",
    "JSON",
    "JSON_PATCH",
    "LEASES",
    "MERGE_PATCH",
    "PERSISTENT_VOLUME_CLAIMS",
    "PODS",
    "ApiError",
    "Backoff",
    "Client",
    "Clock",
    "Connection",
    "EventRecorder",
    "Informer",
    "InformerStats",
    "Limiter",
    "LoginError",
    "Metadata",
    "ObjectMeta",
    "ObjectRef",
    "Observe",
    "Record",
    "Request",
    "Resource",
    "Response",
    "TimeTravelError",
    "Transport",
    "TransportError",
    "WatchRefused",
    "connect",
    "micro_time",
]
