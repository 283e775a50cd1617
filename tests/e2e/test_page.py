"""The web page in a real browser, through the whole platform."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import httpx2
import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.browser import CHROMIUM, PATIENCE_MS, Tab, opened
from tests.e2e.plant import PASSWORD, Plant
from tests.e2e.tour import CONFIG, OWN_PAGES, prepare, samples
from tests.stack import Stack

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (package chromium)")
PLACES = ("/overview", "/alerts", "/rules", "/rules/new")
# The last one is worked on.
TABS = ("members", "contacts", "maintenance", "keys")
HOSTILE = "<script>alert(1)</script> \u202egnp"


def register(tab: Tab, name: str = "Ada Engineer") -> str:
    """A new person with an organization, signed in. Returns the address of the organization's pages."""
    tab.open("/register")
    email = f"ada-{uuid4().hex[:10]}@example.org"
    tab.fill(full_name=name, email=email, password=PASSWORD, organization_name=f"Werk {HOSTILE}")
    tab.page.locator("main button.primary").click()
    tab.page.wait_for_url("**/overview")
    return tab.page.url.removesuffix("/overview").removeprefix(tab.address)


def test_a_new_person_gets_from_nothing_to_a_machine_and_settings(browser: Browser, address: str) -> None:
    with opened(browser, address) as tab:
        home = register(tab)
        assert "First steps" in tab.text()
        assert tab.inaccessible() == []
        tab.fill(name=HOSTILE, location="Hall 3")
        tab.press("Register it")
        for path in (
            "/overview",
            "/alerts",
            "/alerts/silences",
            "/alerts/on-call",
            "/rules",
            "/rules/new",
            "/settings/members",
            "/settings/contacts",
            "/settings/maintenance",
            "/settings/mail",
            "/settings/keys",
        ):
            tab.open(home + path)
            assert tab.inaccessible() == [], path
        somebody_is_told(tab, home)
        tab.open(home + "/settings/keys")
        tab.fill(name="Collector")
        tab.press("Create")
        assert "dk_" in tab.text()
        tab.open(home + "/settings/audit")
        assert "machine.created" in tab.text()
        tab.open("/account")
        assert tab.inaccessible() == []
        tab.page.locator("summary").first.click()
        tab.press("Sign out")
        tab.open(home + "/overview")
        assert "/sign-in?next=" in tab.page.url
        assert tab.inaccessible() == []


def somebody_is_told(tab: Tab, home: str) -> None:
    """Makes a contact point and a maintenance window; a new rule can name the first."""
    tab.open(home + "/settings/contacts")
    tab.fill(name="night-shift")
    tab.page.select_option("#kind", "role")
    tab.press("Create")
    assert "night-shift" in tab.text()
    assert tab.inaccessible() == []
    tab.open(home + "/settings/maintenance")
    tab.fill(name="Cleaning", reason="wet", starts="2040-01-03T22:00")
    tab.press("Create")
    assert "All machines" in tab.page.locator("tbody").inner_text()
    assert tab.inaccessible() == []
    tab.open(home + "/rules/new")
    tab.page.select_option("#tell", "contact:night-shift")


def test_an_alert_appears_by_itself_and_is_worked_on_with_keys_on_a_dark_phone(
    browser: Browser, address: str, stack: Stack
) -> None:
    with opened(browser, address, width=360, language="de-DE", dark=True) as tab:
        home = register(tab)
        with plant_of(tab, stack) as plant:
            machine = plant.machine(HOSTILE)
            plant.rule(machine)
            tab.open(home + "/alerts")
            assert "Kein Alarm braucht Sie" in tab.text()
            baseline, later = samples(200, 0), samples(40, 5)
            plant.completed(plant.upload(machine, "baseline", ("normal.csv", baseline), config=CONFIG))
            plant.upload(machine, "monitoring", ("later.csv", later), config=CONFIG)
            # Nobody reloads: the event does.
            expect(tab.page.locator("#alerts tbody tr")).to_have_count(1, timeout=PATIENCE_MS)
        for path in ("/overview", "/alerts"):
            tab.open(home + path)
            assert tab.inaccessible() == [], path
            assert not tab.is_wider_than_its_window(), path
        tab.page.keyboard.press("j")
        tab.page.keyboard.press("x")
        with tab.page.expect_navigation():
            tab.page.keyboard.press("a")
        assert "1 Alarm geändert" in tab.text()
        assert "bestätigt" in tab.text()
        tab.page.locator("#alerts td.main a").first.click()
        tab.page.wait_for_url("**/alerts/*")
        assert "Was auffällig war" in tab.text()
        assert tab.inaccessible() == []
        assert not tab.is_wider_than_its_window()


@contextmanager
def plant_of(tab: Tab, stack: Stack) -> Iterator[Plant]:
    """The plant of the tab's visitor, who uses the API beside the page."""
    email = tab.page.locator(".menu .small").text_content() or ""
    with httpx2.Client(base_url=f"{stack.gateway_url}/api/v1", timeout=60) as client:
        pair = client.post("/auth/login", json={"email": email, "password": PASSWORD}).json()
        client.headers["Authorization"] = f"Bearer {pair['access_token']}"
        yield Plant(client)


def test_no_page_scrolls_sideways_however_long_the_names_are(
    browser: Browser, address: str, stack: Stack
) -> None:
    with opened(browser, address, language="de-DE") as tab:
        home = register(tab)
        with plant_of(tab, stack) as plant:
            me = plant.get("/users/me")
            pages = prepare(plant, user_id=me["id"], organization_id=home.rpartition("/")[2])
        paths = [home + path for path in pages.values()] + list(OWN_PAGES.values())
        wide = []
        for path in paths:
            tab.open(path)
            for width in (360, 1024):
                tab.resize(width)
                if tab.is_wider_than_its_window():
                    wide.append((path, width, tab.widest()))
        assert wide == []
