"""The site on a port, until somebody ends it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

import uvicorn
from fastapi import FastAPI

from jobflows.web.site import site_in

GRACE_SECONDS = 2


class PortError(Exception):
    """The port cannot be had; the text says why."""


def bound(host: str, port: int) -> socket.socket:
    """A socket that listens; port 0 is any that is free. Raises `PortError`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((host, port))
    except OSError as error:
        made.close()
        cure = "; --port 0 takes one that is free" if port else ""
        raise PortError(f"cannot listen on {host}:{port}: {error.strerror}{cure}") from error
    made.listen(128)
    return made


def serve(app: FastAPI, listening: socket.socket, *, started: Callable[[], None]) -> None:
    """Answer until SIGINT or SIGTERM; `started` is called when the first request can come."""
    site_in(app).prepare()
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    server = _Server(config, started)
    asyncio.run(server.serve(sockets=[listening]))


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._started = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._started()
