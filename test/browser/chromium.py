"""Debian's Chromium and its driver: already installed, installed by root, or unpacked without root.

Its driver speaks WebDriver over HTTP, of which a test needs a dozen lines; so no library is needed.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

PACKAGES = ("chromium", "chromium-driver", "fonts-dejavu-core")
START_SECONDS = 60
WAIT_SECONDS = 60


class UnavailableError(Exception):
    """There is no Chromium to be had; the text says why."""


class StaleError(AssertionError):
    """What was found is no longer in the page."""


@dataclass(frozen=True, slots=True)
class Chromium:
    """The two programs."""

    browser: str
    driver: str

    @contextmanager
    def open(self, *, dark: bool = False, width: int = 1280, height: int = 900) -> Iterator[Window]:
        """A window of its own profile."""
        port = _free_port()
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
            driver = subprocess.Popen(
                [self.driver, f"--port={port}", "--log-level=OFF"],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            try:
                made = Window(
                    f"http://127.0.0.1:{port}", self._options(dark, width, height, profile)
                )
                try:
                    yield made
                finally:
                    made.close()
            finally:
                driver.terminate()
                driver.wait(30)

    def _options(self, dark: bool, width: int, height: int, profile: str) -> dict[str, Any]:
        flags = [
            "--headless=new",
            "--disable-gpu",
            "--hide-scrollbars",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--no-first-run",
            f"--user-data-dir={profile}",
            f"--window-size={width},{height}",
            f"--blink-settings=preferredColorScheme={0 if dark else 1}",
        ]
        if os.geteuid() == 0:  # a sandbox needs an ordinary user
            flags.append("--no-sandbox")
        return {"binary": self.browser, "args": flags}


class Window:
    """A page that is looked at."""

    def __init__(self, driver: str, options: dict[str, Any]) -> None:
        self._driver = driver
        self._wait_for_driver()
        wanted = {
            "browserName": "chrome",
            "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL"},
        }
        made = self._call("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        self._session = f"/session/{made['sessionId']}"

    def go(self, address: str) -> None:
        """Open an address, and wait until it is loaded."""
        self._call("POST", f"{self._session}/url", {"url": address})

    @property
    def address(self) -> str:
        found: str = self._call("GET", f"{self._session}/url")
        return found

    def ask(self, script: str, *given: Any) -> Any:
        """Run a script in the page; returns what it returns."""
        body = {"script": script, "args": list(given)}
        return self._call("POST", f"{self._session}/execute/sync", body)

    def until(self, script: str, *given: Any) -> Any:
        """Ask until a script returns what is true: one that waits in the page dies with it."""
        end = time.monotonic() + WAIT_SECONDS
        while not (found := self.ask(script, *given)):
            if time.monotonic() > end:
                raise AssertionError(f"{self.address}: never true in {WAIT_SECONDS} s: {script}")
            time.sleep(0.02)
        return found

    def click(self, selector: str) -> None:
        """Click on what a CSS selector finds first, once the page has it."""
        body = {"using": "css selector", "value": selector}
        while True:
            self.until("return document.querySelector(arguments[0])", selector)
            (element,) = self._call("POST", f"{self._session}/element", body).values()
            try:
                self._call("POST", f"{self._session}/element/{element}/click", {})
            except StaleError:  # a live page has put in a newer one meanwhile
                continue
            return

    def keys(self, text: str) -> None:
        """Type; \\ue004 is the tabulator, \\ue007 the return key (WebDriver, 17.4.2)."""
        strokes = [{"type": kind, "value": key} for key in text for kind in ("keyDown", "keyUp")]
        body = {"actions": [{"type": "key", "id": "keys", "actions": strokes}]}
        self._call("POST", f"{self._session}/actions", body)

    def complaints(self) -> list[str]:
        """What the browser has complained of since it was asked last: blocked scripts, errors."""
        found = self._call("POST", f"{self._session}/se/log", {"type": "browser"})
        return [each["message"] for each in found if each["level"] in ("SEVERE", "WARNING")]

    def picture(self, file: Path, *, whole: bool = True) -> None:
        """Keep how it looks."""
        if whole:
            high = int(self.ask("return document.documentElement.scrollHeight"))
            wide = int(self.ask("return window.innerWidth"))
            size = {
                "width": wide,
                "height": min(high, 8000),
                "deviceScaleFactor": 1,
                "mobile": False,
            }
            self._devtools("Emulation.setDeviceMetricsOverride", size | {"mobile": False})
        data = self._call("GET", f"{self._session}/screenshot")
        file.write_bytes(base64.b64decode(data))
        if whole:
            self._devtools("Emulation.clearDeviceMetricsOverride", {})

    def phone(self) -> None:
        """Be as small as a telephone from now on."""
        size = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
        self._devtools("Emulation.setDeviceMetricsOverride", size)

    def close(self) -> None:
        self._call("DELETE", self._session)

    def _devtools(self, command: str, given: dict[str, Any]) -> None:
        body = {"cmd": command, "params": given}
        self._call("POST", f"{self._session}/goog/cdp/execute", body)

    def _wait_for_driver(self) -> None:
        end = time.monotonic() + START_SECONDS
        while True:
            try:
                if self._call("GET", "/status")["ready"]:
                    return
            except OSError:
                if time.monotonic() > end:
                    raise
            time.sleep(0.05)

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(
            self._driver + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            said = json.load(error)["value"]
            stale = said["error"] == "stale element reference"
            raise (StaleError if stale else AssertionError)(said["message"]) from None


@cache
def chromium() -> Chromium:
    """The browser; raises `UnavailableError`. Root installs it, where apt has it."""
    found = _installed()
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        _install()
        found = _installed()
    if found is None:
        raise UnavailableError(
            "skipped: there is no Chromium with its driver (Debian: apt-get install "
            f"{' '.join(PACKAGES)})"
        )
    return found


def _installed() -> Chromium | None:
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if browser is None or driver is None or not _alike(browser, driver):
        return None
    return Chromium(browser, driver)


def _alike(browser: str, driver: str) -> bool:
    """The driver of another release does not work."""
    numbers = []
    for program in (browser, driver):
        said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
        found = re.search(r"(\d+)\.\d+\.\d+", said.stdout)
        numbers.append(found[1] if found else program)
    return numbers[0] == numbers[1]


def _install() -> None:
    how = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    command = ["apt-get", "install", "-y", "--no-install-recommends", *PACKAGES]
    for words in (["apt-get", "update"], command):
        subprocess.run(words, env=how, capture_output=True, check=False)


def _free_port() -> int:
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        port: int = made.getsockname()[1]
        return port
