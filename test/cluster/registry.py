"""Serves the stored images to a container runtime, in the place of any registry.

Run inside a box as `python -m cluster.registry PORT`; the runtime takes it for a mirror of every
registry and says in each call which one it means. So an image is pulled under the name that a
manifest gives it, with whatever pull policy, and without a network.
"""

import re
import shutil
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from cluster import images

_PATH = re.compile(r"/v2/(?P<repository>.+)/(?P<kind>manifests|blobs)/(?P<reference>[^/]+)")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class Handler(BaseHTTPRequestHandler):
    """The reading half of the OCI distribution API."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer with the content."""
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        """Answer with the headers only."""
        self._answer(with_body=False)

    def _answer(self, with_body: bool) -> None:
        address = urlsplit(self.path)
        if address.path in ("/v2", "/v2/"):
            self._headers(200, 0)
            return
        call = _PATH.fullmatch(address.path)
        host = parse_qs(address.query).get("ns", ["docker.io"])[0]
        digest = _digest(host, call["repository"], call["reference"]) if call else None
        blob = images.blob_file(digest) if digest else None
        if call is None or blob is None or not blob.exists():
            self._headers(404, 0)
            return
        manifest = call["kind"] == "manifests"
        kind = images.MANIFEST if manifest else "application/octet-stream"
        self._headers(200, blob.stat().st_size, kind, digest)
        if with_body:
            with blob.open("rb") as content:
                shutil.copyfileobj(content, self.wfile)

    def _headers(
        self, status: int, length: int, kind: str = "text/plain", digest: str | None = None
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        self.send_header("Content-Type", kind)
        if digest:
            self.send_header("Docker-Content-Digest", digest)
        self.end_headers()


def _digest(host: str, repository: str, reference: str) -> str | None:
    """The digest that a tag or a digest means; None for a name that is not stored."""
    if _DIGEST.fullmatch(reference):
        return reference
    names = images.store() / "names"
    path = images.name_file(f"{host}/{repository}:{reference}")
    # A name may not lead out of the folder of names.
    if not path.resolve().is_relative_to(names.resolve()) or not path.is_file():
        return None
    return path.read_text()


def main(port: str) -> None:
    """Serve on loopback until killed."""
    ThreadingHTTPServer(("127.0.0.1", int(port)), Handler).serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
