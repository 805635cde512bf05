"""kopf without the clients whose types it would know, if they happen to be installed.

`shell.py` takes it from here. kopf imports `kubernetes` to recognise objects of that package. The
operator has none, and where the commands are installed beside it that is 300 modules and 12 MiB for
nothing. Whoever imports the package later gets it: a kubeconfig with a login plugin does.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["Identity", "kopf"]

CLIENTS = ("kubernetes", "kubernetes_asyncio", "pykube")


@contextmanager
def _missing(*names: str) -> Iterator[None]:
    """While the block runs, these packages are not installed; one that is imported already is."""
    hidden = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type] # None halts an import
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


with _missing(*CLIENTS):
    import kopf
    from kopf._core.engines.peering import Identity  # kopf takes it and does not offer it
