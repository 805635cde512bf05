"""A small client of the API server, enough to set a cluster up and to check it."""

import http.client
import json
import ssl
import time
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cluster.errors import ClusterError

Object = dict[str, Any]


class ApiError(ClusterError):
    """The API server answered with an error; `code` is its HTTP status."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Api:
    """An API server, one client's token, and the certificate to trust."""

    server: str
    token: str
    ca_file: Path

    def request(self, method: str, path: str, body: Object | None = None) -> bytes:
        """Make one call on a connection of its own.

        Raises ApiError for a status from 400 on, OSError if nobody answers.
        """
        address = urllib.parse.urlsplit(self.server)
        trust = ssl.create_default_context(cafile=str(self.ca_file))
        link = http.client.HTTPSConnection(
            str(address.hostname), address.port, timeout=10, context=trust
        )
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        try:
            data = None if body is None else json.dumps(body)
            link.request(method, path, body=data, headers=headers)
            response = link.getresponse()
            answer = response.read()
        finally:
            link.close()
        if response.status >= 400:
            text = answer.decode(errors="replace")[:500]
            raise ApiError(response.status, f"{method} {path}: {response.status} {text}")
        return answer

    def get(self, path: str) -> Object:
        """Read an object, or a list of them."""
        found: Object = json.loads(self.request("GET", path))
        return found

    def create(self, path: str, body: Object) -> None:
        """Create an object; one that is there already is left as it is."""
        try:
            self.request("POST", path, body)
        except ApiError as error:
            if error.code != 409:
                raise

    def exists(self, path: str) -> bool:
        """Whether there is such an object."""
        try:
            self.request("GET", path)
        except ApiError as error:
            if error.code != 404:
                raise
            return False
        return True

    def ready(self) -> bool:
        """Whether the server is up and says so; no answer is a plain no."""
        try:
            return self.request("GET", "/readyz") == b"ok"
        except (OSError, http.client.HTTPException, ApiError):
            return False


def wait_for(what: str, condition: Callable[[], bool], seconds: float, poll: float = 0.02) -> None:
    """Poll until `condition` holds; raises ClusterError naming `what` when time is up."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise ClusterError(f"{what}: not so after {seconds:.0f} s")
        time.sleep(poll)
