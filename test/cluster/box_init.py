"""The first process of a box: sets its mounts up, then only buries the dead.

Run by `box.py` as a program in the new namespaces, with the path of a file to create when ready and
`INSIDE=OUTSIDE` for each folder of the box that is kept elsewhere. Everything in the box ends with
this process. It imports nothing of the package, because it outlives the command that started it.
"""

import os
import signal
import subprocess
import sys
from pathlib import Path


def main(mark: str, *binds: str) -> None:
    """Prepare the box and stay."""
    # Volumes with mount propagation want a shared root; it is shared with nothing outside.
    _mount("--make-rshared", "/")
    _mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
    for bind in binds:
        inside, _, outside = bind.partition("=")
        _mount("--bind", outside, inside)
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
    Path(mark).touch()
    while True:
        signal.sigwait([signal.SIGCHLD])
        _bury()


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)


def _bury() -> None:
    """Collect every process that has ended: orphans become children of this one."""
    try:
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            pass
    except ChildProcessError:
        pass


if __name__ == "__main__":
    main(*sys.argv[1:])
