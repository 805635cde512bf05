"""Judges the one review that is in stdin, for `apart.py`: `python -m jobflows.webhook /validate`.

Memory has an end here, so that whoever sends what unpacks to gigabytes ends this process only.
"""

import resource
import sys

import msgspec

from jobflows.webhook.judging import judge
from jobflows.webhook.review import ReviewError

MEMORY = 512 << 20
"""Bytes of data; the largest flow of an API server takes a quarter of it."""

REFUSED = 3
"""Exit code when the body is no review; what is written are the words then."""


def main() -> int:
    """Judge it, and write what `Judged` holds."""
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    try:
        judged = judge(sys.argv[1], sys.stdin.buffer.read())
    except ReviewError as error:
        sys.stdout.buffer.write(str(error).encode())
        return REFUSED
    sys.stdout.buffer.write(msgspec.msgpack.encode(judged))
    return 0


if __name__ == "__main__":
    sys.exit(main())
