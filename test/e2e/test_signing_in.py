"""Signing in and giving orders in a real browser: in light and dark, by keyboard, and on a phone.

Needs Chromium with its driver, and no cluster. Pictures stay in pytest's directory of this run.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from browser.chromium import Chromium, Window
from browser.served import served
from e2e.test_pages import RETURN, TAB, browser, text
from jobflows.web.login.orders import ClusterOrders
from jobflows.web.site import Site
from unit.web.archives import NOW
from unit.web.rbac import EDIT, VIEW, Cluster, opened

pytestmark = pytest.mark.e2e

__all__ = ["browser"]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with opened(tmp_path_factory.mktemp("login")) as made:
        yield made


@pytest.fixture(scope="module")
def site(cluster: Cluster) -> Iterator[str]:
    login = cluster.login()
    made = Site(cluster.archive, login=login, orders=ClusterOrders(login), now=lambda: NOW)
    with served(made) as address:
        yield address


def sign_in(window: Window, address: str, token: str) -> None:
    window.go(address)
    window.until("return location.pathname === '/login'")
    window.click("input[name=token]")
    window.keys(token + RETURN)
    window.until("return location.pathname !== '/login' && document.readyState === 'complete'")


@contextmanager
def next_page(window: Window) -> Iterator[None]:
    """Wait for the page that follows: the one that is there is complete as well."""
    window.ask("window.isBefore = true")
    yield
    window.until("return !window.isBefore && document.readyState === 'complete'")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_person_signs_in_and_gives_orders(
    browser: Chromium, site: str, cluster: Cluster, tmp_path: Path, dark: bool
) -> None:
    place = f"{site}/flows/{cluster.uid}"
    with browser.open(dark=dark) as window:
        window.go(place)
        window.picture(tmp_path / "login.png")
        window.click("input[name=token]")
        window.keys("wrong" + RETURN)
        window.until("return document.querySelector('.trouble')")
        window.picture(tmp_path / "wrong.png")
        sign_in(window, place, EDIT)
        assert "ada" in text(window)
        window.picture(tmp_path / "flow.png")
        with next_page(window):
            window.click("button[value=pause]")
        assert cluster.flow()["spec"]["suspend"] is True
        with next_page(window):
            window.click("button[value=approve]")
        assert "approved.workflow.kube-zen.io/ask" in cluster.flow()["metadata"]["annotations"]
        window.go(f"{site}/flows/former-uid")
        window.picture(tmp_path / "refused.png")
        assert [each for each in window.complaints() if not expected(each)] == []
        window.click(".reader button")
        window.until("return location.pathname === '/login'")
        window.go(place)
        window.until("return location.pathname === '/login'")


def expected(complaint: str) -> bool:
    """A browser tells of each answer that is no success."""
    return "401" in complaint or "404" in complaint


def test_who_may_only_read_sees_no_buttons_on_a_phone(
    browser: Chromium, site: str, cluster: Cluster, tmp_path: Path
) -> None:
    with browser.open() as window:
        window.phone()
        window.go(site)
        window.picture(tmp_path / "login-phone.png", whole=False)
        fits = "return document.documentElement.scrollWidth <= window.innerWidth"
        assert window.ask(fits)
        sign_in(window, f"{site}/flows/{cluster.uid}", VIEW)
        assert window.ask(fits)
        assert not window.ask("return document.querySelector('.orders')")
        window.picture(tmp_path / "reader-phone.png", whole=False)


def test_orders_fit_on_a_phone_and_a_keyboard_gives_them(
    browser: Chromium, site: str, cluster: Cluster, tmp_path: Path
) -> None:
    with browser.open() as window:
        window.phone()
        sign_in(window, f"{site}/flows/{cluster.uid}", EDIT)
        assert window.ask("return document.documentElement.scrollWidth <= window.innerWidth")
        window.picture(tmp_path / "orders-phone.png", whole=False)
        window.ask("document.querySelector('.orders input[name=value]').focus()")
        with next_page(window):
            window.keys("3" + TAB + RETURN)
        assert cluster.flow()["spec"]["executionPolicy"]["parallelism"] == 3
