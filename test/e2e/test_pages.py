"""Pages in a real browser: clicked through in light and dark, by keyboard, on a phone, and live.

Needs Chromium with its driver, and no cluster. Each page's picture stays in pytest's directory of
this run (`--basetemp` chooses it).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from browser.chromium import Chromium, UnavailableError, Window, chromium
from browser.served import served
from jobflows.archive import Archive
from jobflows.engine import FlowPhase
from jobflows.web.site import Site
from unit.web.archives import HOSTILE, NOW, document, done, make, step, write_flow

pytestmark = pytest.mark.e2e

TAB, RETURN = "\ue004", "\ue007"

PAGES = {
    "flows": "/",
    "flow": "/flows/etl-uid",
    "failed": "/flows/nightly-uid-3",
    "step": "/flows/etl-uid/steps/simulate",
    "attempt": "/flows/etl-uid/attempt?step=simulate&attempt=1&task=1",
    "hostile": "/flows/hostile-uid",
    "hostile-log": "/flows/hostile-uid/attempt?step=evil&attempt=1",
    "errors": "/errors?days=",
    "bottlenecks": "/bottlenecks?days=",
    "kinds": "/kinds",
    "missing": "/flows/nobody",
}


@pytest.fixture(scope="session")
def browser() -> Chromium:
    try:
        return chromium()
    except UnavailableError as error:
        if os.environ.get("JOBFLOW_REQUIRE_CLUSTER") == "1":
            pytest.fail(f"JOBFLOW_REQUIRE_CLUSTER=1: {error}")
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    with make(tmp_path_factory.mktemp("archive") / "archive.db") as opened:
        yield opened


@pytest.fixture(scope="session")
def site(archive: Archive) -> Iterator[str]:
    with served(Site(archive, now=lambda: NOW)) as address:
        yield address


@pytest.fixture(scope="session")
def window(browser: Chromium) -> Iterator[Window]:
    with browser.open() as opened:
        yield opened


def text(window: Window) -> str:
    found: str = window.ask("return document.body.innerText")
    return found


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_page_is_drawn_and_nothing_is_complained_of(
    browser: Chromium, site: str, tmp_path: Path, dark: bool
) -> None:
    with browser.open(dark=dark) as window:
        for name, path in PAGES.items():
            window.go(site + path)
            window.picture(tmp_path / f"{name}.png")
            complaints = [each for each in window.complaints() if "404" not in each]
            assert complaints == [], path
            assert window.ask("return window.scrollX + document.images[0].naturalWidth") > 0
            assert (tmp_path / f"{name}.png").stat().st_size > 10_000
        background = window.ask("return getComputedStyle(document.body).backgroundColor")
        assert (sum(map(int, background[4:-1].split(","))) < 200) is dark


def test_a_person_clicks_from_the_list_to_a_log(window: Window, site: str) -> None:
    window.go(site)
    window.click('a[href="/flows/etl-uid"]')
    window.until("return document.body.innerText.includes('temperature-of-the-sea')")
    window.click('svg.graph a[href$="/simulate"]')
    window.until("return location.pathname.endsWith('/steps/simulate')")
    window.click('nav[aria-label="Phases"] a[href$="Failed"]')
    window.until("return location.search.includes('Failed')")
    window.click("section#attempts tbody a")
    window.until("return document.querySelector('h1').innerText.includes('Failed')")
    window.click('a[href*="/errors/"]')
    window.until("return document.body.innerText.includes('What these attempts have in common')")


def test_a_keyboard_is_enough(window: Window, site: str) -> None:
    window.go(site + "/flows/etl-uid")
    window.keys(TAB)
    assert window.ask("return document.activeElement.textContent") == "To the content"
    window.keys(RETURN)
    focus = "return document.activeElement.getAttribute('href')"
    for _ in range(12):
        window.keys(TAB)
        if str(window.ask(focus)).endswith("/steps/fetch"):
            break
    else:
        pytest.fail("the graph's first step cannot be reached")
    window.keys(RETURN)
    window.until("return location.pathname.endsWith('/steps/fetch')")


@pytest.mark.parametrize("path", PAGES.values(), ids=PAGES)
def test_a_page_fits_on_a_phone(browser: Chromium, site: str, path: str, tmp_path: Path) -> None:
    with browser.open() as window:
        window.phone()
        window.go(site + path)
        window.picture(tmp_path / "phone.png", whole=False)
        wide = window.ask("return [document.documentElement.scrollWidth, window.innerWidth]")
        assert wide[0] <= wide[1]


def test_words_of_users_run_nothing(window: Window, site: str) -> None:
    window.go(site + "/flows/hostile-uid")
    assert "<script>alert(1)</script>" in text(window)
    assert window.ask("return document.querySelectorAll('script').length") == 1
    assert "\x1b" in HOSTILE
    window.ask(
        "const s = document.createElement('script'); s.textContent = 'window.ran = 1';"
        "document.body.append(s);"
    )
    assert window.ask("return window.ran === undefined")
    assert any("Content Security Policy" in each for each in window.complaints())


def test_what_changes_is_shown_without_loading_anew(
    window: Window, site: str, archive: Archive
) -> None:
    given = document("appears-later", [step("only")])
    window.go(site + "/")
    window.ask("window.here = true; document.querySelector('#flows .scroll').focus()")
    write_flow(archive, "later-uid", given, {"only": done(NOW - 2, 1)}, created=NOW - 5)
    window.until("return document.body.innerText.includes('appears-later')")
    assert window.ask("return window.here")
    window.go(site + "/flows/later-uid")
    window.ask("document.querySelector('details').open = true")
    write_flow(
        archive,
        "later-uid",
        given,
        {"only": done(NOW - 2, 1)},
        phase=FlowPhase.SUCCEEDED,
        created=NOW - 5,
        finished=NOW,
        version=2,
    )
    window.until("return document.querySelector('h1').innerText.includes('Succeeded')")
    assert window.ask("return document.querySelector('details').open")
    window.until("return document.getElementById('live').hidden")


UI = "from jobflows.cli.entry import main; main()"

WAITS = """
import json, sys
from jobflows.local import start
sys.exit(not start(json.loads(sys.argv[1]), name="asks").succeeded)
"""


def test_a_click_approves_a_run_of_this_machine(window: Window, tmp_path: Path) -> None:
    after = step("after", "sign-off")
    main = after["template"]["spec"]["template"]["spec"]["containers"][0]
    main["command"] = ["echo", "approved"]
    asks = document("asks", [{"name": "sign-off", "type": "Manual"}, after])
    there = {**os.environ, "JOBFLOW_HOME": str(tmp_path / "home")}
    run = subprocess.Popen([sys.executable, "-c", WAITS, json.dumps(asks)], env=there)
    ui = subprocess.Popen(
        [sys.executable, "-c", UI, "ui", "--port", "0", "--no-browser", "--steer"],
        env=there,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert ui.stdout is not None
        window.go(ui.stdout.readline().strip())
        window.until("return document.body.innerText.includes('asks')")
        window.click("#flows tbody a")
        window.until("return document.querySelector('button[value=approve]')")
        window.picture(tmp_path / "asks.png")
        window.click("button[value=approve]")
        window.until("return document.querySelector('h1').innerText.includes('Succeeded')")
        assert run.wait(60) == 0
        window.click('a[href$="/steps/after"]')
        window.until("return location.pathname.endsWith('/steps/after')")
        window.click("section#attempts tbody a")
        window.until("return document.body.innerText.includes('approved')")
    finally:
        for process in (ui, run):
            process.terminate()
            process.wait(30)
        assert ui.stdout is not None
        ui.stdout.close()
