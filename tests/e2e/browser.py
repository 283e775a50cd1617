"""A real browser before the page: it collects what a policy forbids, what scripts throw, what axe finds."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
# A busy machine needs long for a page; how long is no fault.
PATIENCE_MS = 120_000
HEIGHT = 900
AXE = Path(__file__).with_name("axe") / "axe.min.js"
# The rules of WCAG 2.2 AA, by axe's tags.
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
VIOLATIONS = """
addEventListener("securitypolicyviolation", (event) => console.error("policy", event.violatedDirective));
"""
# The browser says these of every answer that is an error; the test that provokes one looks at the page.
ANSWERS = "Failed to load resource: the server responded with a status of 4"
# Drawing without a graphics card says that it is slow.
SLOW_DRIVER = "GL Driver Message (OpenGL, Performance"


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, chromium_sandbox=os.geteuid() != 0)
        try:
            yield browser
        finally:
            browser.close()


class Tab:
    """A page of the browser. `faults` must stay empty."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.address = address
        self.faults: list[str] = []
        page.set_default_timeout(PATIENCE_MS)
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.faults.append(f"{page.url}: {error}"))
        page.add_init_script(VIOLATIONS)

    def open(self, path: str) -> None:
        self.page.goto(self.address + path)

    def fill(self, **fields: str) -> None:
        for name, value in fields.items():
            self.page.locator(f"main [name={name}]").fill(value)

    def press(self, name: str) -> None:
        """Press the button of this name, and wait for the page that it leads to."""
        with self.page.expect_navigation():
            self.page.get_by_role("button", name=name, exact=True).first.click()

    def text(self) -> str:
        return self.page.locator("main").inner_text()

    def inaccessible(self) -> list[str]:
        """What axe finds on the page, each with the element it is about."""
        self.page.evaluate(_axe())
        found: dict[str, Any] = self.page.evaluate(
            "rules => axe.run(document, {runOnly: {type: 'tag', values: rules}})", RULES
        )
        return [f"{each['id']}: {each['nodes'][0]['html'][:200]}" for each in found["violations"]]

    def resize(self, width: int) -> None:
        """Give the window this width, and what observes its size the frame in which it draws again."""
        self.page.set_viewport_size({"width": width, "height": HEIGHT})
        self.page.wait_for_function("width => innerWidth === width", arg=width)
        self.page.evaluate(
            "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
        )

    def is_wider_than_its_window(self) -> bool:
        width = self.page.evaluate("() => document.documentElement.scrollWidth - innerWidth")
        return int(width) > 0

    def widest(self) -> str:
        """What reaches beyond the window, in the words of its markup: the innermost element that does."""
        found = self.page.evaluate(
            "() => [...document.querySelectorAll('main *, header *, footer *')].filter((each) =>"
            " each.getBoundingClientRect().right > innerWidth + 1 &&"
            " !each.closest('.scroll, .tabs, nav, pre'))"
            ".pop()?.outerHTML ?? ''"
        )
        return str(found)[:200]

    def _said(self, message: ConsoleMessage) -> None:
        told = message.type in ("error", "warning") and SLOW_DRIVER not in message.text
        if told and not message.text.startswith(ANSWERS):
            self.faults.append(f"{self.page.url}: {message.text}")


@contextmanager
def opened(
    browser: Browser, address: str, *, width: int = 1440, language: str = "en-GB", dark: bool = False
) -> Iterator[Tab]:
    """A tab with cookies of its own. At the end, nothing may have gone wrong in it."""
    context = browser.new_context(
        viewport={"width": width, "height": HEIGHT},
        locale=language,
        color_scheme="dark" if dark else "light",
    )
    try:
        tab = Tab(context.new_page(), address)
        yield tab
        assert tab.faults == [], tab.faults
    finally:
        context.close()


@cache
def _axe() -> str:
    return AXE.read_text(encoding="utf-8")
