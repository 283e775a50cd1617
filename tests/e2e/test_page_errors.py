"""What a person sees when something is in the way: a session that has ended, a file that cannot be read."""

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.browser import CHROMIUM, PATIENCE_MS, Tab, opened
from tests.e2e.test_page import register

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (package chromium)")
# A decimal comma in one row and a decimal point in the next.
MIXED = b"zeit;druck;temperatur\n2026-01-01 00:00;1,5;20\n2026-01-01 01:00;2.25;21\n"


def test_tabs_of_a_session_that_ends_in_another_tab(browser: Browser, address: str) -> None:
    """An idle tab goes to the sign-in page by itself; what is typed in another stays, with a word."""
    with opened(browser, address) as tab:
        home = register(tab)
        idle, typing, late = (Tab(tab.page.context.new_page(), address) for _ in range(3))
        idle.open(f"{home}/overview")
        typing.open(f"{home}/alerts/silences")
        typing.fill(name="Bearing 7", reason="ordered")
        late.open(f"{home}/settings/keys")
        late.fill(name="Collector 9")
        tab.page.locator("summary").first.click()
        tab.press("Sign out")
        # Before a tab has heard of it, a form is sent: it says what was typed.
        late.press("Create")
        assert "Your session has ended" in late.text()
        assert "Collector 9" in late.text()
        assert late.inaccessible() == []
        idle.page.wait_for_url("**/sign-in**", timeout=PATIENCE_MS)
        expect(typing.page.locator("#notices")).to_contain_text("Your session has ended", timeout=PATIENCE_MS)
        assert typing.page.locator("main [name=name]").input_value() == "Bearing 7"
        assert idle.faults + typing.faults + late.faults == []


def test_a_file_that_cannot_be_read_is_refused_in_german(browser: Browser, address: str) -> None:
    with opened(browser, address, language="de-DE") as tab:
        home = register(tab)
        tab.open(f"{home}/analyses/new")
        tab.page.set_input_files("#files", {"name": "presse.csv", "mimeType": "text/csv", "buffer": MIXED})
        doubts = tab.page.locator("[data-preview] .doubts")
        expect(doubts).to_contain_text("passen nicht zusammen", timeout=PATIENCE_MS)
        said = doubts.inner_text()
        assert "Eines hat einen Dezimalpunkt, das andere ein Dezimalkomma" in said
        assert "Spalte druck" in said
        assert "Zeile 3" in said
        assert tab.page.locator("[data-start]").is_disabled()
        assert tab.inaccessible() == []
