"""Operators by the dozen: `python -m faults.nursery` has imported all of it, and forks.

Starting Python and importing the operator is more than a second of CPU, most of what one run
costs. A forked operator has read its flags from a command line of its own, has its own log and
dies of its own signals; nothing but modules is shared, and no event loop or thread exists before
the fork.

Speaks JSON lines: `{"start": [flags], "log": path}` is answered by `{"started": pid}`,
`{"signal": 9, "pid": pid}` by nothing, and each end is told as `{"ended": pid, "code": n}`.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import sys
from typing import Any, NoReturn


def main() -> None:
    """Serve until standard input ends; then all operators are killed."""
    # ruff: noqa: PLC0415 - imported here and nowhere else, to be there before a fork
    import jobflows.controller.flags
    import jobflows.controller.operator
    import jobflows.controller.shell  # noqa: F401

    wake, alarm = os.pipe()
    os.set_blocking(alarm, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(alarm)
    choose = selectors.DefaultSelector()
    choose.register(0, selectors.EVENT_READ)
    choose.register(wake, selectors.EVENT_READ)
    living: set[int] = set()
    rest = b""
    while True:
        ready = {key.fd for key, _ in choose.select()}
        if wake in ready:
            os.read(wake, 4096)
            _bury(living)
        if 0 in ready:
            chunk = os.read(0, 1 << 16)
            if not chunk:
                break
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                _obey(json.loads(line), living)
    for pid in living:
        os.kill(pid, signal.SIGKILL)


def _obey(order: dict[str, Any], living: set[int]) -> None:
    if "start" in order:
        pid = os.fork()
        if pid == 0:
            _become(order["start"], order["log"])
        living.add(pid)
        _say({"started": pid})
    elif order["pid"] in living:  # nobody else can have its id before it is buried here
        os.kill(order["pid"], order["signal"])


def _bury(living: set[int]) -> None:
    for pid in tuple(living):
        gone, status = os.waitpid(pid, os.WNOHANG)
        if gone:
            living.discard(pid)
            _say({"ended": pid, "code": os.waitstatus_to_exitcode(status)})


def _become(flags: list[str], log: str) -> NoReturn:
    """Be an operator."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    null = os.open(os.devnull, os.O_RDONLY)
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(null, 0)
    os.dup2(out, 1)
    os.dup2(out, 2)
    os.closerange(3, 64)
    code = 70
    try:
        from jobflows.controller.flags import app

        app(args=flags, prog_name="jobflow-operator")
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _say(thing: dict[str, Any]) -> None:
    print(json.dumps(thing), flush=True)


if __name__ == "__main__":
    main()
