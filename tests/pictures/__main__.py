"""`python -m tests.pictures GATEWAY`: pictures of the pages into docs/pictures, from a generated machine.

The platform runs already (`make up` prints its address). Whoever changes a page looks at its pictures.
"""

import argparse
import csv
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import numpy as np
from playwright.sync_api import Page

from tests.e2e.plant import Plant
from tests.e2e.tour import OWN_PAGES, Names, prepare
from tests.support.pages import PASSWORD, registered, visiting
from tools.demo.rig import Recording, record_failing, record_normal
from tools.demo.table import write_table

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "pictures"
BASELINE, MONITORED = 600, 300
STEP = timedelta(minutes=20)
SEED = 20260123
NAMES = Names("Coolant pump 2", "hall-3", "maintenance")
# Pages of which the machine with a growing fault shows more.
OF_THE_FIRST = ("overview", "machine", "analysis", "what-if", "report of a machine")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("gateway", help="such as http://127.0.0.1:8000")
    gateway = parser.parse_args().gateway
    email = registered(gateway)
    with signed_in(gateway, email) as plant:
        me, organization_id = plant.get("/users/me")["id"], plant.get("/organizations")["items"][0]["id"]
        others = prepare(plant, user_id=me, organization_id=organization_id, names=NAMES)
        machine, run = recorded(plant)
        plant.alerts(machine, seconds=300)
        # The overview hears of alerts by an event.
        for _ in range(600):
            if all(each["open_alerts"]["count"] for each in plant.get("/fleet")["items"]):
                break
            time.sleep(0.1)
    FOLDER.mkdir(exist_ok=True)
    with visiting(gateway, email) as page:
        organization = page.url.rpartition("/overview")[0]
        for name, path, scheme, width in (
            ("overview", "/overview", "light", 1440),
            ("machine", f"/machines/{machine}?sample=280", "light", 1440),
            ("machine-dark", f"/machines/{machine}?sample=280", "dark", 1440),
            ("machine-phone", f"/machines/{machine}", "light", 360),
            ("wear", f"/machines/{machine}/wear", "light", 1440),
            ("quality", f"/machines/{machine}/quality", "light", 1440),
            ("analysis", f"/analyses/{run}", "light", 1440),
            ("what-if", f"/analyses/{run}/what-if", "light", 1440),
            ("report", f"/reports/machines/{machine}?sample=280", "light", 1024),
        ):
            page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
            take(page, organization + path, name, width)
        for name, path in others.items():
            if not name.startswith(OF_THE_FIRST):
                take(page, organization + path, slug(name), 1440)
        for name, path in OWN_PAGES.items():
            take(page, organization.partition("/o/")[0] + path, slug(name), 1440)


def slug(name: str) -> str:
    return name.replace(": ", "-").replace(" ", "-")


def take(page: Page, address: str, name: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(address)
    if page.locator("[data-map][data-columns]").count():
        page.locator("[data-map][data-ready]").wait_for()
    # One frame after the last data.
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    page.screenshot(path=FOLDER / f"{name}.png")
    sys.stdout.write(f"docs/pictures/{name}.png\n")


@contextmanager
def signed_in(gateway: str, email: str) -> Iterator[Plant]:
    with httpx2.Client(base_url=f"{gateway}/api/v1", timeout=120) as client:
        plant = Plant(client)
        tokens = plant.post("/auth/login", {"email": email, "password": PASSWORD})
        client.headers["Authorization"] = f"Bearer {tokens['access_token']}"
        yield plant


def recorded(plant: Plant) -> tuple[str, str]:
    """A machine with a baseline and a run in which a fault grows; the ids of machine and run."""
    rng = np.random.default_rng(SEED)
    machine = plant.machine("Gear stage 3")
    plant.rule(machine, ratio=1.5)
    end = datetime.now(UTC).replace(microsecond=0)
    normal = table(record_normal(BASELINE, rng), end - (BASELINE + MONITORED) * STEP)
    plant.completed(plant.upload(machine, "baseline", ("normal.csv", normal)), seconds=600)
    later = table(record_failing(MONITORED, rng), end - MONITORED * STEP)
    run = plant.upload(machine, "monitoring", ("later.csv", later))
    plant.completed(run, seconds=600)
    return machine, run


def table(recording: Recording, start: datetime) -> bytes:
    """The recording as a file whose times begin at `start`."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "table.csv"
        write_table(recording, file)
        with file.open(newline="") as content:
            rows = list(csv.reader(content))
        column = rows[0].index("timestamp")
        for number, row in enumerate(rows[1:]):
            row[column] = (start + number * STEP).isoformat()
        with file.open("w", newline="") as content:
            csv.writer(content).writerows(rows)
        return file.read_bytes()


if __name__ == "__main__":
    main()
