"""The window of the tests waits through what a page may do while it is waited for."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from browser.chromium import Chromium
from e2e.test_pages import browser

pytestmark = pytest.mark.e2e

__all__ = ["browser"]

PAGE = b"""<!doctype html><title>page</title><a href="/next">go</a><p></p>
<script>document.querySelector("a").onclick = () => {
  setTimeout(() => location = "/next?after=" + location.search.slice(1), location.search.slice(1));
  return false;
}</script>"""


class Pages(BaseHTTPRequestHandler):
    """Answers with a page that goes away by itself, as long after a click as its address says."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def address() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Pages) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_page_may_go_away_while_it_is_waited_for(browser: Chromium, address: str) -> None:
    drawn = random.Random(1)
    with browser.open() as window:
        for _ in range(30):
            after = drawn.randrange(60)
            window.go(f"{address}/?{after}")
            window.click("a")
            window.until("return location.pathname === '/next'")
            assert window.address == f"{address}/next?after={after}"


def test_what_is_clicked_on_may_be_put_in_anew(browser: Chromium, address: str) -> None:
    with browser.open() as window:
        window.go(f"{address}/")
        window.ask(
            "let left = 50; window.clicks = 0; const anew = setInterval(() => {"
            "const b = document.createElement('b'); b.textContent = 'now';"
            "b.onclick = () => window.clicks += 1; document.querySelector('p').replaceChildren(b);"
            "if (!--left) clearInterval(anew); }, 10)"
        )
        while not window.ask("return window.clicks"):
            window.click("p b")
