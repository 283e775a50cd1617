"""The five tasks of docs/usability.md, each by somebody who has only a keyboard."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
from playwright.sync_api import Page, expect

from tests.e2e.plant import PASSWORD, Plant
from tests.e2e.tour import CONFIG, samples
from tests.stack import Stack
from tests.support.pages import registered, visiting

MACHINE, RULE = "Pump 7", "Far from normal"
# More stops than this before something is reached nobody would press.
MAX_STOPS = 40
FOCUSED = """() => {
  const at = document.activeElement;
  return (at.labels?.[0]?.innerText || at.ariaLabel || at.innerText || at.value || "").trim();
}"""


class Keyboard:
    def __init__(self, page: Page) -> None:
        self.page = page

    def reach(self, name: str) -> int:
        """Tab to what is called so: the number of stops on the way."""
        for stops in range(1, MAX_STOPS + 1):
            self.page.keyboard.press("Tab")
            if self.page.evaluate(FOCUSED).startswith(name):
                return stops
        raise AssertionError(f"{name} is not within {MAX_STOPS} stops on {self.page.url}")

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def fill(self, name: str, text: str) -> None:
        self.reach(name)
        self.page.keyboard.type(text)

    def follow(self, name: str) -> None:
        """Reach a link or a button, and go where it leads."""
        self.reach(name)
        self.go("Enter")

    def go(self, *keys: str) -> None:
        # Not `expect_navigation`: a page that writes its filters into its address has not moved.
        with self.page.expect_event("load"):
            self.press(*keys)


@contextmanager
def somebody(stack: Stack) -> Iterator[tuple[Keyboard, Plant]]:
    """In an organization with a machine that has just raised an alert."""
    stack.wait_ready()
    email = registered(stack.gateway_url)
    with httpx2.Client(base_url=f"{stack.gateway_url}/api/v1", timeout=120) as client:
        plant = Plant(client)
        tokens = plant.post("/auth/login", {"email": email, "password": PASSWORD})
        client.headers["Authorization"] = f"Bearer {tokens['access_token']}"
        machine = plant.machine(MACHINE)
        plant.rule(machine)
        baseline = plant.upload(machine, "baseline", ("normal.csv", samples(200, 0)), config=CONFIG)
        plant.completed(baseline, seconds=600)
        plant.upload(machine, "monitoring", ("later.csv", samples(40, 5)), config=CONFIG)
        plant.alerts(machine, seconds=300)
        with visiting(stack.gateway_url, email) as page:
            page.on("dialog", lambda dialog: dialog.accept())
            page.reload()
            yield Keyboard(page), plant


def test_five_tasks_with_the_keyboard_alone(stack: Stack, tmp_path: Path) -> None:
    with somebody(stack) as (keyboard, _):
        was_the_alert_real_and_what_does_the_next_shift_hear(keyboard)
        who_is_told_at_night(keyboard)
        no_more_messages_until_the_part_is_here(keyboard)
        would_another_threshold_alarm_less(keyboard)
        what_is_normal_for_a_new_machine(keyboard, tmp_path)


def was_the_alert_real_and_what_does_the_next_shift_hear(keyboard: Keyboard) -> None:
    page = keyboard.page
    keyboard.go("g", "a")
    keyboard.press("j")
    keyboard.go("Enter")
    expect(page.locator("main")).to_contain_text("times the threshold; most deviating: f_2")
    keyboard.go("a")
    expect(page.locator("main")).to_contain_text("acknowledged")
    keyboard.follow("Show Pump 7 at that time")
    expect(page.get_by_role("heading", name=MACHINE)).to_be_visible()
    page.go_back()
    # The way back may count as done when the page that is left has just written its filters into its address.
    expect(page.get_by_label("Note")).to_be_visible()
    keyboard.fill("Note", "Bearing is warm, watch it")
    keyboard.follow("Only comment")
    expect(page.locator(".story")).to_contain_text("Bearing is warm")
    keyboard.follow("Report")
    # What is handed over has what was found.
    expect(page.locator("main")).to_contain_text("Bearing is warm, watch it")


def who_is_told_at_night(keyboard: Keyboard) -> None:
    page = keyboard.page
    keyboard.go("g", "a")
    keyboard.follow("On call")
    keyboard.fill("Name", "nights")
    keyboard.fill("Turn 1", "Ada")
    keyboard.reach("The first turn begins")
    page.keyboard.type("01052026")
    keyboard.press("Tab")
    page.keyboard.type("0600AM")
    keyboard.follow("Create")
    expect(page.locator("#shifts tbody tr").first).to_contain_text("Ada Engineer")
    keyboard.go("g", "r")
    keyboard.follow("New rule")
    keyboard.fill("Name", "Wakes somebody")
    keyboard.fill("Who is told", "Whoever is on call")
    keyboard.follow("Save the rule")
    expect(page.locator("main")).to_contain_text("Whoever is on call in nights")


def no_more_messages_until_the_part_is_here(keyboard: Keyboard) -> None:
    page = keyboard.page
    keyboard.go("g", "a")
    keyboard.press("j")
    keyboard.go("Enter")
    keyboard.follow("Silence this")
    keyboard.fill("Reason", "The bearing comes tomorrow")
    keyboard.fill("For how long", "1 day")
    keyboard.follow("Silence it")
    expect(page.locator("#silences tbody")).to_contain_text("in effect")
    keyboard.press("j")
    keyboard.follow("End now")
    expect(page.locator("#silences")).to_contain_text("Nothing is silenced")


def would_another_threshold_alarm_less(keyboard: Keyboard) -> None:
    page = keyboard.page
    keyboard.go("g", "o")
    keyboard.press("j")
    keyboard.go("Enter")
    keyboard.follow("What if")
    keyboard.reach("Share of normal samples")
    shown = page.locator("#found .large").inner_text()
    keyboard.press("Home")
    expect(page.locator("#found .large")).not_to_have_text(shown)
    keyboard.follow("Keep ")
    expect(page.get_by_role("status").first).to_contain_text("Saved.")


def what_is_normal_for_a_new_machine(keyboard: Keyboard, folder: Path) -> None:
    page = keyboard.page
    file = folder / "normal.csv"
    file.write_bytes(samples(200, 0))
    keyboard.go("g", "o")
    keyboard.follow("New analysis")
    keyboard.fill("Name of the new machine", "Pump 8")
    keyboard.reach("Choose files")
    # The dialog that Enter opens here is the browser's.
    page.set_input_files("#files", file)
    page.locator("[data-proposal]").wait_for()
    keyboard.follow("Start the analysis")
    page.wait_for_url(re.compile("/analyses/[0-9a-f-]{36}"))
    expect(page.get_by_role("link", name="Monitor samples")).to_be_visible()
