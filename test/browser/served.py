"""A site on a port of this machine, for as long as a test needs it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from jobflows.web.application import application
from jobflows.web.serving import bound
from jobflows.web.site import Site


@contextmanager
def served(site: Site) -> Iterator[str]:
    """Yields its address."""
    site.prepare()
    listening = bound("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(application(site), log_level="warning"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
