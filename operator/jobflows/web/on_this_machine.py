"""The site of `jobflow ui`: this machine's runs, for whoever has the token."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from fastapi import FastAPI

from jobflows.archive import Archive
from jobflows.local import data_home
from jobflows.local.archiving import archive_url
from jobflows.web.application import application
from jobflows.web.machine.logs import reader
from jobflows.web.machine.orders import MachineOrders
from jobflows.web.machine.taking_in import TakingIn, keep_looking
from jobflows.web.safety import LOCAL_HOSTS, new_token
from jobflows.web.site import Site


@contextmanager
def opened(database: str | None, *, steer: bool) -> Iterator[tuple[FastAPI, str]]:
    """The application and the token to enter it. Raises `ArchiveError` and `LocalRunError`.

    Without a database it is the archive of this machine, which is made and kept up to date.
    """
    token, zone = new_token(), datetime.now().astimezone().tzinfo
    assert zone is not None
    if database is not None:
        with Archive.open(database) as archive:
            yield application(Site(archive, zone=zone), token=token, hosts=LOCAL_HOSTS), token
        return
    home = data_home()
    ended = threading.Event()
    with Archive.open(archive_url(home), migrate=True) as archive:
        taking = TakingIn(archive, home)
        taking.look()
        looking = threading.Thread(target=keep_looking, args=(taking, ended), daemon=True)
        looking.start()
        orders = MachineOrders(home) if steer else None
        site = Site(archive, zone=zone, orders=orders, logs=reader(home))
        try:
            yield application(site, token=token, hosts=LOCAL_HOSTS), token
        finally:
            ended.set()
            looking.join()
