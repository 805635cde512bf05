"""Free ports on loopback, so that clusters live beside each other and beside a left-over one."""

import random
import socket
from itertools import islice

# Below the range that the kernel gives to outgoing connections: such a connection could take a
# port between the moment it is chosen here and the moment its process listens on it.
_RANGE = range(20000, 30000)


def free_ports(count: int, address: str = "127.0.0.1") -> list[int]:
    """Ports on which nobody listens now, neither at this address nor on loopback, all different."""
    ports = random.sample(_RANGE, len(_RANGE))
    free = (port for port in ports if all(_is_free(port, at) for at in {address, "127.0.0.1"}))
    return list(islice(free, count))


def _is_free(port: int, address: str) -> bool:
    with socket.socket() as attempt:
        try:
            attempt.bind((address, port))
        except OSError:
            return False
    return True
