"""Somebody with a browser: Chromium, signed in through the page, which must end without an error."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit
from uuid import uuid4

import httpx2
import pytest
from playwright.sync_api import Page, expect, sync_playwright

CHROMIUM = shutil.which("chromium")
NO_CHROMIUM = "Chromium is not installed: apt-get install chromium"
PASSWORD = "a long enough pass phrase"
# How long a busy machine takes is no fault.
PATIENCE_MS = 240_000


def registered(gateway_url: str, organization: str = "Water works") -> str:
    """The address of a new owner of a new organization."""
    email = f"ada-{uuid4().hex[:10]}@example.org"
    person = {"email": email, "password": PASSWORD, "full_name": "Ada Engineer"}
    answer = httpx2.post(
        f"{gateway_url}/api/v1/auth/register", json=person | {"organization_name": organization}, timeout=120
    )
    answer.raise_for_status()
    return email


@contextmanager
def visiting(gateway_url: str, email: str, *, width: int = 1440, height: int = 900) -> Iterator[Page]:
    """A page signed in at `localhost`. Errors of scripts and violations of the policy fail at the end."""
    if CHROMIUM is None:
        pytest.skip(NO_CHROMIUM)
    expect.set_options(timeout=PATIENCE_MS)
    errors: list[str] = []
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, chromium_sandbox=False)
        page = browser.new_page(viewport={"width": width, "height": height})
        page.set_default_timeout(PATIENCE_MS)
        page.set_default_navigation_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.goto(f"http://localhost:{urlsplit(gateway_url).port}/sign-in")
        page.fill("#email", email)
        page.fill("#password", PASSWORD)
        page.click("main button")
        page.wait_for_url("**/overview")
        yield page
        browser.close()
    assert errors == []
