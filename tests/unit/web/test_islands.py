"""The page's modules in a real browser, under the page's policy."""

import json
import mimetypes
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Route, sync_playwright

from services.web.assets.service import ROOT
from services.web.layout.pages import CONTENT_SECURITY_POLICY
from services.web.machines.columns import packed

PROBES = Path(__file__).with_name("probes.js")
ORIGIN = "http://page.test"
CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="Chromium is not installed: apt-get install chromium"
)

PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8">
<link rel="stylesheet" href="/assets/css/tokens.css"><link rel="stylesheet" href="/assets/css/style.css">
<link rel="stylesheet" href="/assets/vendor/uplot.min.css">
<link rel="stylesheet" href="/assets/css/machine.css">
</head>
<body><div class="figure map" id="map" tabindex="0"></div></body></html>"""


def served(route: Route) -> None:
    path = route.request.url.removeprefix(ORIGIN)
    headers = {"Content-Security-Policy": CONTENT_SECURITY_POLICY}
    if path == "/":
        route.fulfill(body=PAGE, content_type="text/html", headers=headers)
        return
    file = PROBES if path == "/probes.js" else ROOT / path.removeprefix("/assets/")
    if not file.is_file():
        route.fulfill(status=404)
        return
    kind = "text/javascript" if file.suffix == ".js" else mimetypes.guess_type(file.name)[0]
    route.fulfill(body=file.read_bytes(), content_type=kind)


LIVE = """<!doctype html><body data-organization="1">
<section data-live="alert.raised"></section><section data-until="2026-01-01T00:01:00Z"></section>"""
THREE_ALERTS = "retry: 100000000\n\n" + "event: alert.raised\ndata: {}\n\n" * 3


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, chromium_sandbox=False)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Any) -> Iterator[Page]:
    """An empty page under the policy; it must end without an error."""
    errors: list[str] = []
    page: Page = chromium.new_page(viewport={"width": 900, "height": 640})
    page.set_default_timeout(120_000)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.route("**/*", served)
    page.goto(ORIGIN + "/")
    yield page
    page.close()
    assert errors == []


def run(page: Page, name: str, argument: Any = None) -> Any:
    """The result of a function of `probes.js`."""
    work = "async ([name, argument]) => (await (await import('/probes.js'))[name](argument)) ?? null"
    return page.evaluate(work, [name, argument])


def test_the_grid_finds_what_a_search_of_all_samples_finds(page: Page) -> None:
    assert run(page, "grid") == []


def test_columns_are_read_as_they_were_packed(page: Page) -> None:
    points = {
        "index": [0, 1, 2],
        "x": [1.5, None, -3.0],
        "y": [0.5, None, 2.0],
        "distance": [2.0, None, 9.0],
        "anomaly": [False, False, True],
        "metadata": [{"t": "2026-02-01T00:00:00Z"}, {}, {}],
    }
    content = packed(
        points,
        threshold=2.0,
        bands=(1.5, 2, 3),
        time_column="t",
        uploaded_at=datetime(2026, 3, 1, tzinfo=UTC),
    )
    found = run(page, "columns", list(content))
    assert found == {
        "time": datetime(2026, 2, 1, tzinfo=UTC).timestamp(),
        "x": ["1.5", "NaN", "-3"],
        "y": 2,
        "ratio": 4.5,
        "mark": [0, 0, 4],
    }


def test_roles_of_columns_become_a_configuration(page: Page) -> None:
    columns = [("id", "metadata"), ("t", "time"), ("a", "feature"), ("note", "metadata"), ("b", "feature")]
    found = run(page, "roles", [{"name": name, "role": role} for name, role in columns])
    assert found == {
        "time_column": "t",
        "end_meta": "t",
        "start_dim": "a",
        "end_dim": "b",
        "metadata_columns": ["note"],
    }


def test_an_anomaly_is_drawn_over_the_samples_at_its_place(page: Page) -> None:
    found = run(page, "drawn")
    assert found["pixel"] == found["critical"]


def test_arrows_zoom_and_lasso_work_with_keys_and_mouse(page: Page) -> None:
    page.evaluate("async () => { (await (await import('/probes.js')).show()).select(299); }")
    page.focus("#map")
    page.keyboard.press("ArrowLeft")
    [first] = page.evaluate("() => window.told")
    assert first != 299
    page.keyboard.press("0")
    box = page.locator("#map").bounding_box()
    assert box is not None
    page.keyboard.down("Shift")
    for number, (across, down) in enumerate([(0.5, 0.02), (0.98, 0.02), (0.98, 0.5), (0.5, 0.5)]):
        page.mouse.move(box["x"] + across * box["width"], box["y"] + down * box["height"])
        if number == 0:
            page.mouse.down()
    page.mouse.up()
    page.keyboard.up("Shift")
    assert page.evaluate("() => window.told.at(-1)") == 1
    page.keyboard.press("Escape")
    assert page.evaluate("() => window.told.at(-1)") is None


def test_the_map_comes_back_after_the_graphics_card_forgot_it(page: Page) -> None:
    found = run(page, "restored")
    assert found["pixel"] == found["critical"]


def test_the_time_axis_tells_what_is_marked(page: Page) -> None:
    page.add_script_tag(url="/assets/vendor/uplot.min.js")
    timeline = {
        "since": "2026-03-01T00:00:00Z",
        "until": "2026-03-02T00:00:00Z",
        "series": {
            "at": [f"2026-03-01T{hour:02}:00:00Z" for hour in range(24)],
            "samples": [5] * 24,
            "anomalies": [0] * 23 + [1],
            "min": [0.2] * 24,
            "max": [0.9] * 23 + [4.0],
            "mean": [0.5] * 24,
        },
        "runs": [],
        "alerts": [
            {
                "severity": "high",
                "status": "active",
                "first_seen_at": "2026-03-01T22:00:00Z",
                "last_seen_at": "2026-03-01T23:00:00Z",
                "resolved_at": None,
            }
        ],
        "marks": [{"kind": "baseline", "at": "2026-03-01T03:00:00Z", "text": None}],
    }
    run(page, "axis", timeline)
    over = page.locator(".u-over").bounding_box()
    assert over is not None
    middle = over["y"] + over["height"] / 2
    page.mouse.move(over["x"] + over["width"] * 0.25, middle)
    page.mouse.down()
    page.mouse.move(over["x"] + over["width"] * 0.5, middle, steps=4)
    page.mouse.up()
    page.wait_for_function("() => window.told.length > 0")
    [found] = json.loads(page.evaluate("() => JSON.stringify(window.told)"))
    midnight = datetime(2026, 3, 1, tzinfo=UTC).timestamp()
    assert found["from"] == pytest.approx(midnight + 6 * 3600, abs=600)
    assert found["to"] == pytest.approx(midnight + 12 * 3600, abs=600)


def test_a_region_is_fetched_when_the_stream_begins_and_then_once_for_all_events_since(
    page: Page,
) -> None:
    # The page's clock runs only where the test says so, however slow the machine is.
    page.clock.install(time=datetime(2026, 1, 1, tzinfo=UTC))
    page.clock.pause_at(datetime(2026, 1, 1, 0, 0, 1, tzinfo=UTC))
    stream = {"body": THREE_ALERTS, "content_type": "text/event-stream"}
    page.route(ORIGIN + "/o/1/live", lambda route: route.fulfill(**stream))
    page.set_content(LIVE)
    page.evaluate(
        """async () => {
          window.fetched = { live: 0, until: 0 };
          window.seen = 0;
          window.htmx = { trigger: (region) => { fetched[region.dataset.live ? "live" : "until"] += 1; } };
          const count = ({ detail }) => { window.seen += detail.type !== "reset"; };
          document.addEventListener("dinsight:event", count);
          (await import("/assets/js/live.js")).followEvents();
        }"""
    )
    page.wait_for_function("() => window.seen === 3")
    assert page.evaluate("() => window.fetched") == {"live": 1, "until": 0}
    page.clock.run_for(300)
    assert page.evaluate("() => window.fetched") == {"live": 2, "until": 0}
    page.clock.run_for(10_000)
    assert page.evaluate("() => window.fetched") == {"live": 2, "until": 0}
    # No event says that a shift or a silence has ended.
    page.clock.run_for(60_000)
    assert page.evaluate("() => window.fetched.live") == 2
    assert page.evaluate("() => window.fetched.until") > 0
