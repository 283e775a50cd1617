"""An engineer with a browser: from two files to the explanation of an anomaly, with mouse and keyboard."""

import re
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.e2e.browser import AXE, RULES
from tests.stack import Stack
from tests.support.pages import registered, visiting
from tests.support.tables import as_csv, spectra, with_fault

FIRST_FAULTY = 40
NAME = "Pump <b>3</b>"


def upload(page: Page, kind: str, file: Path) -> None:
    """Through the form of a new analysis, until the analysis has ended."""
    page.set_input_files("#files", file)
    page.locator("[data-proposal]").wait_for()
    page.check(f'input[name="analysis_type"][value="{kind}"]')
    page.click("[data-start]")
    page.wait_for_url(re.compile("/analyses/[0-9a-f-]{36}"))


def accessible(page: Page) -> None:
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("(rules) => axe.run({ runOnly: rules }).then((all) => all.violations)", RULES)
    assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in found] == []


def test_from_two_files_to_an_explanation(stack: Stack, tmp_path: Path) -> None:
    stack.wait_ready()
    normal, today = tmp_path / "normal.csv", tmp_path / "today.csv"
    normal.write_bytes(as_csv(spectra(200, seed=21)))
    today.write_bytes(as_csv(with_fault(spectra(60, seed=22), FIRST_FAULTY)))
    with visiting(stack.gateway_url, registered(stack.gateway_url)) as page:
        organization = page.url.rpartition("/overview")[0]
        page.goto(organization + "/analyses/new")
        page.fill("#name", NAME)
        upload(page, "baseline", normal)
        # The page follows the analysis by itself.
        page.get_by_role("link", name="Monitor samples").click()
        upload(page, "monitoring", today)
        page.get_by_role("link", name="Show on the map").click()
        expect(page.get_by_role("heading", name=NAME)).to_be_visible()
        page.locator("[data-map][data-ready]").wait_for()

        row = page.locator(f'a[data-go="{FIRST_FAULTY + 5}"]')
        row.click()
        panel = page.locator("[data-panel]")
        expect(panel.get_by_role("heading", name=f"Sample {FIRST_FAULTY + 5}")).to_be_visible()
        expect(panel).to_contain_text("What deviates")
        panel.locator(".uplot").wait_for()
        assert f"sample={FIRST_FAULTY + 5}" in page.url
        accessible(page)

        page.keyboard.press("]")
        expect(panel.get_by_role("heading", name=f"Sample {FIRST_FAULTY + 6}")).to_be_visible()
        page.focus("[data-map]")
        page.keyboard.press("ArrowLeft")
        page.wait_for_function(f"() => !location.search.includes('sample={FIRST_FAULTY + 6}')")
        # The address shows the same to somebody else.
        sample = re.search(r"sample=(\d+)", page.url)
        assert sample is not None
        page.reload()
        expect(panel.get_by_role("heading", name=f"Sample {sample[1]}", exact=True)).to_be_visible()

        page.goto(page.url.partition("?")[0].replace("/machines/", "/reports/machines/"))
        expect(page.locator(".map-print svg")).to_be_visible()
        accessible(page)
