"""Free ports on loopback, so that clusters live beside each other and beside a left-over one."""

import random
import socket

# Below the range that the kernel gives to outgoing connections: such a connection could take a
# port between the moment it is chosen here and the moment its process listens on it.
_RANGE = range(20000, 30000)


def free_ports(count: int, address: str = "127.0.0.1") -> list[int]:
    """Ports on which nobody listens now, all different."""
    found: list[int] = []
    for port in random.sample(_RANGE, len(_RANGE)):
        if len(found) == count:
            break
        with socket.socket() as attempt:
            try:
                attempt.bind((address, port))
            except OSError:
                continue
            found.append(port)
    return found
