"""May whoever writes a flow make by themselves what the flow has the operator make for them?

The operator may create Jobs everywhere. Without this question, the right to create JobFlows would
be that to create Jobs, and with them to use every service account and Secret of the namespace.
Kubernetes itself asks the same of whoever creates a Job or a pod: nobody is asked for the right to
use a service account or a Secret, so no more is asked here. Asked of the API server, each time,
because only it knows (RBAC, webhooks, nodes, superusers).
"""

from __future__ import annotations

import asyncio

import msgspec

from jobflows.cluster.client import Client
from jobflows.cluster.errors import ApiError
from jobflows.cluster.resources import (
    CONFIG_MAPS,
    JOBS,
    PERSISTENT_VOLUME_CLAIMS,
    SUBJECT_ACCESS_REVIEWS,
    Resource,
)
from jobflows.cluster.transport import TransportError
from jobflows.webhook.claims import Claim
from jobflows.webhook.review import Denial

_CURE = "let the operator create subjectaccessreviews, or run it with --no-authorize-users"

_KNOWN = {each.plural: each for each in (JOBS, CONFIG_MAPS, PERSISTENT_VOLUME_CLAIMS)}


class _Status(msgspec.Struct, frozen=True):
    allowed: bool = False


class _Answer(msgspec.Struct, frozen=True):
    status: _Status


_decode = msgspec.json.Decoder(_Answer).decode


class Access:
    """Asks through `client`; a question without an answer is a no."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def denial(self, claim: Claim) -> Denial | None:
        """Why the flow must not be stored for this user; None if it may be."""
        user, wanted = claim.user.username, [_KNOWN[plural] for plural in claim.creates]
        try:
            allowed = await asyncio.gather(*(self._may(claim, each) for each in wanted))
        except (ApiError, TransportError) as error:
            words = f"cannot ask what user '{user}' may do: {error}"
            forbidden = isinstance(error, ApiError) and error.forbidden
            return Denial(500, "InternalError", f"{words}; {_CURE}" if forbidden else words)
        pairs = zip(wanted, allowed, strict=True)
        lacking = [_named(each) for each, may in pairs if not may]
        if not lacking:
            return None
        return Denial(
            403,
            "Forbidden",
            f"user '{user}' may not create {' and '.join(lacking)} in"
            f" namespace '{claim.namespace}', which this flow would have the operator do."
            " Ask for that right there",
        )

    async def _may(self, claim: Claim, resource: Resource) -> bool:
        user = claim.user
        question = {
            "apiVersion": SUBJECT_ACCESS_REVIEWS.api_version,
            "kind": SUBJECT_ACCESS_REVIEWS.kind,
            "spec": {
                "user": user.username,
                "uid": user.uid,
                "groups": user.groups,
                "extra": user.extra,
                "resourceAttributes": {
                    "namespace": claim.namespace,
                    "verb": "create",
                    "group": resource.group,
                    "resource": resource.plural,
                },
            },
        }
        answer = await self._client.create(SUBJECT_ACCESS_REVIEWS, None, question, attempts=2)
        return _decode(answer).status.allowed


def _named(resource: Resource) -> str:
    return f"{resource.plural}.{resource.group}" if resource.group else resource.plural
