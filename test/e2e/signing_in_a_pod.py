"""People who sign in to the pages and steer a flow: runs in the pages' own pod, by standard input.

There nothing is between them and the server, and no port has to be opened. Takes `{"tokens": …,
"flow": uid, "port": …}` as its argument, and prints what each of them was answered.
"""

from __future__ import annotations

import http.client
import json
import re
import sys
from typing import Any
from urllib.parse import urlencode


class Person:
    """A browser with a cookie."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._cookie = ""

    def ask(self, method: str, path: str, **fields: str) -> tuple[int, str]:
        server = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        body = urlencode(fields) if method == "POST" else None
        server.request(method, path, body, {"Cookie": self._cookie})
        answer = server.getresponse()
        if given := answer.headers.get("Set-Cookie"):
            self._cookie = given.partition(";")[0]
        return answer.status, answer.read().decode()

    def names(self) -> list[str]:
        """The flows that they see."""
        status, text = self.ask("GET", "/api/v1/flows")
        return sorted(each["name"] for each in json.loads(text)["items"]) if status == 200 else []

    def order(self, flow: str, order: str, **fields: str) -> tuple[int, str]:
        """Give an order by the form of a page."""
        word = re.search(r'name="word" value="([^"]+)"', self.ask("GET", "/")[1])
        assert word is not None
        return self.ask("POST", f"/flows/{flow}/act", word=word[1], order=order, **fields)


def main(tokens: dict[str, str], flow: str, port: int) -> dict[str, Any]:
    people = {name: Person(port) for name in tokens}
    told: dict[str, Any] = {"unknown": Person(port).ask("GET", "/api/v1/flows")[0]}
    for name, person in people.items():
        signed_in, _ = person.ask("POST", "/login", token=tokens[name])
        told[name] = {"signed_in": signed_in, "sees": person.names()}
        page, text = person.ask("GET", f"/flows/{flow}")
        told[name] |= {"page": page, "buttons": 'name="order"' in text}
        for order, fields in (("pause", {}), ("unpause", {}), ("approve", {"step": "ask"})):
            told[name][order] = person.order(flow, order, **fields) if signed_in == 303 else None
    return told


if __name__ == "__main__":
    print(json.dumps(main(**json.loads(sys.argv[1]))))
