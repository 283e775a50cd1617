"""Passkeys and an authenticator app through the page, with Chromium's virtual authenticator."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pyotp
import pytest
from playwright.sync_api import Browser

from tests.e2e.browser import CHROMIUM, Tab, opened
from tests.e2e.plant import PASSWORD
from tests.e2e.test_page import register
from tests.integration.auth.mailbox import Mailbox
from tests.stack import Stack

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (package chromium)")
# A security key that is touched at once.
KEY = {
    "protocol": "ctap2",
    "transport": "usb",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


def mailed_token(stack: Stack, email: str) -> str:
    # In a thread: the browser's own loop runs in this one.
    with ThreadPoolExecutor(1) as pool:
        mailed = Mailbox(stack.layout.mail).token(email, "verification")
        return pool.submit(asyncio.run, mailed).result()


def plug_in_key(tab: Tab) -> None:
    devtools = tab.page.context.new_cdp_session(tab.page)
    devtools.send("WebAuthn.enable")
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": KEY})


def sign_out(tab: Tab) -> None:
    tab.page.locator("summary").first.click()
    tab.press("Sign out")


def sign_in(tab: Tab, email: str) -> None:
    tab.open("/sign-in")
    tab.fill(email=email, password=PASSWORD)
    tab.press("Sign in")


def test_a_passkey_and_an_app_protect_an_account_and_an_organization(
    browser: Browser, address: str, stack: Stack
) -> None:
    with opened(browser, address) as tab:
        plug_in_key(tab)
        home = register(tab)
        tab.open("/account")
        email = tab.page.locator("main dd").first.inner_text()
        # Nobody sets a rule that they do not meet.
        tab.open(home + "/settings/organization")
        tab.page.locator("[name=second_factor_required]").check()
        tab.press("Save the rules")
        assert "lock yourself out" in tab.text()

        # Whoever registered the address of somebody else must not lock its owner out.
        tab.open("/account/second-factors")
        tab.press("Set up an app")
        assert "address is not verified yet" in tab.text()
        token = mailed_token(stack, email)
        tab.open(f"/verify-email#token={token}")
        tab.press("Verify the address")
        tab.open("/account/second-factors")
        assert tab.inaccessible() == []
        tab.fill(name="My <b>key</b>")
        tab.press("Add a passkey")
        assert tab.inaccessible() == []
        tab.press("Make the passkey")
        assert "Nobody can show them again" in tab.text()
        assert tab.inaccessible() == []
        recovery = tab.page.locator("pre").inner_text().split()
        assert len(recovery) == 8
        tab.open(home + "/settings/organization")
        tab.page.locator("[name=second_factor_required]").check()
        tab.press("Save the rules")
        assert tab.page.locator("[name=second_factor_required]").is_checked()

        sign_out(tab)
        sign_in(tab, email)
        assert tab.inaccessible() == []
        tab.open(home + "/overview")
        assert "/sign-in?next=" in tab.page.url, "the password alone signs nobody in"
        sign_in(tab, email)
        with tab.page.expect_navigation(url="**/overview"):
            tab.page.get_by_role("button", name="Use a passkey").click()

        # The app beside the key.
        tab.open("/account/second-factors")
        assert "My <b>key</b>" in tab.text()
        assert tab.inaccessible() == []
        tab.press("Set up an app")
        assert tab.inaccessible() == []
        app = pyotp.TOTP(tab.page.locator("pre").inner_text())
        tab.fill(code="000000" if app.now() != "000000" else "000001")
        tab.press("Turn it on")
        assert "The code is wrong" in tab.text()
        tab.fill(code=app.now())
        tab.press("Turn it on")
        assert "An app shows codes" in tab.text()

        # Each way, and none twice.
        sign_out(tab)
        sign_in(tab, email)
        tab.page.locator("main summary").click()
        tab.fill(recovery_code=recovery[0])
        with tab.page.expect_navigation(url="**/overview"):
            tab.page.get_by_role("button", name="Sign in with the recovery code").click()
        sign_out(tab)
        sign_in(tab, email)
        tab.page.locator("main summary").click()
        tab.fill(recovery_code=recovery[0])
        tab.press("Sign in with the recovery code")
        assert "was already used" in tab.text()
        tab.page.get_by_role("button", name="Use a passkey").click()
        tab.page.wait_for_url("**/overview")
