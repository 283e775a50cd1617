"""Every page of an organization that has something on each, under the longest names that people give."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tests.e2e.plant import Plant


@dataclass(frozen=True, slots=True)
class Names:
    """What the things of an organization are called."""

    thing: str
    word: str
    handle: str


# 100 letters without a place to break, as an importer makes of a path in a plant's tree.
LONG_NAME = ("Kreiselpumpenlagertemperaturueberwachung_Halle3_Linie12_" * 2)[:100]
LONG = Names(LONG_NAME, "Instandhaltungsbenachrichtigungsempfaenger", LONG_NAME[:50].lower())
CONFIG = '{"start_dim": "f_0", "end_dim": "f_3", "end_meta": "t"}'


def prepare(plant: Plant, *, user_id: str, organization_id: str, names: Names = LONG) -> Mapping[str, str]:
    """Fills the plant's organization. Returns the paths of all its pages by their names."""
    machine = str(
        plant.post("/machines", {"name": names.thing, "location": names.word, "tags": [names.word.lower()]})[
            "id"
        ]
    )
    rule = plant.rule(machine)
    plant.patch(f"/alert-rules/{rule}", {"name": names.thing})
    matcher = {"machine_ids": [machine]}
    now = datetime.now(UTC)
    words = {"name": names.thing, "reason": names.word, "matcher": matcher}
    silence = plant.post("/silences", words | {"ends_at": (now + timedelta(days=1)).isoformat()})
    plant.post("/maintenance-windows", words | {"starts": "2040-01-03T22:00:00", "duration": "PT4H"})
    turns = {"members": [user_id], "starts": "2026-01-05T06:00:00", "shift": "P7D"}
    rotation = plant.post("/rotations", {**turns, "name": names.handle, "time_zone": "Europe/Berlin"})
    target = {"kind": "email", "address": f"{names.word.lower()}@{names.word.lower()}.example"}
    plant.post("/contact-points", {"name": names.handle, "target": target})
    plant.post("/opt-outs", {"rule_ids": [rule], "below": "high"})
    plant.post(f"/organizations/{organization_id}/api-keys", {"name": names.thing, "role": "viewer"})
    baseline = plant.upload(machine, "baseline", (f"{names.thing}.csv", samples(200, 0)), config=CONFIG)
    plant.completed(baseline, seconds=600)
    run = plant.upload(machine, "monitoring", (f"{names.thing}.csv", samples(40, 5)), config=CONFIG)
    plant.completed(run, seconds=600)
    alert = plant.alerts(machine, seconds=300)[0]["id"]
    plant.post(f"/alerts/{alert}/comment", {"note": names.thing})
    tabs = ("wear", "quality", "baselines", "runs", "settings")
    settings = ("members", "contacts", "maintenance", "mail", "keys", "audit", "organization")
    return {
        "overview": "/overview",
        "machine": f"/machines/{machine}",
        **{f"machine: {tab}": f"/machines/{machine}/{tab}" for tab in tabs},
        "analyses": "/analyses",
        "new analysis": f"/analyses/new?machine={machine}",
        "analysis": f"/analyses/{run}",
        "what-if": f"/analyses/{run}/what-if",
        "alerts": "/alerts",
        "alert": f"/alerts/{alert}",
        "silences": "/alerts/silences",
        "silence: move the end": f"/alerts/silences/{silence['id']}/extend",
        "on call": "/alerts/on-call",
        "rotation": f"/alerts/on-call/{rotation['id']}",
        "rotation: change": f"/alerts/on-call/{rotation['id']}/change",
        "rules": "/rules",
        "new rule": f"/rules/new?machine_id={machine}",
        "rule": f"/rules/{rule}",
        **{f"settings: {tab}": f"/settings/{tab}" for tab in settings},
        "report of a machine": f"/reports/machines/{machine}",
        "report of an alert": f"/reports/alerts/{alert}",
    }


# Those that belong to no organization.
OWN_PAGES: Mapping[str, str] = {
    "account": "/account",
    "second factors": "/account/second-factors",
    "help": "/help",
    "help: a document": "/help/night-alert",
    "help: glossary": "/help/glossary",
}


def samples(count: int, shift: float) -> bytes:
    """Four features that move together, the third shifted: the same in every run."""
    lines = ["t,f_0,f_1,f_2,f_3"]
    for number in range(count):
        load = (number * 37 % 101) / 101
        noise = [(number * step % 89) / 89 for step in (17, 29, 43, 61)]
        centres = [10 + 3 * load, 5 - load, 7 + load + shift, 2]
        values = [centre + each for centre, each in zip(centres, noise, strict=True)]
        lines.append(
            f"2026-01-{1 + number // 200:02d}T{number % 24:02d}:00:00Z," + ",".join(map(str, values))
        )
    return "\n".join(lines).encode()
