"""Planted secrets stand nowhere in plain text: in no table, topic, log, file or trace."""

import asyncio
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx2
import pytest

from dinsight.installation import SERVICES
from shared.events.registry import TOPICS
from tests.e2e.plant import Plant, eventually
from tests.e2e.topics import read_published
from tests.stack import Stack
from tests.support.collector import Collector
from tests.support.tables import as_csv, spectra, with_fault

CANARY = f"canary{uuid4().hex}"
COLUMNS = """
SELECT format('%I.%I', table_schema, table_name) AS place, column_name AS name, data_type AS type
FROM information_schema.columns c
WHERE table_schema = ANY ($1)
  AND data_type IN ('text', 'character varying', 'json', 'jsonb', 'bytea', 'ARRAY')
  AND EXISTS (SELECT FROM pg_class k WHERE k.oid = format('%I.%I', table_schema, table_name)::regclass
              AND k.relkind IN ('r', 'p', 'm') AND NOT k.relispartition)
"""
SEALED = """
SELECT EXISTS (
    SELECT FROM machines.machines WHERE name::text LIKE '%Rig%' AND sealed_metadata ? 'plc_password'
)
"""
FIRST_FAULTY = 90


def address() -> str:
    return f"http://127.0.0.1:9/{CANARY}/hook?key={CANARY}"


@pytest.fixture
def planted(plant: Plant, stack: Stack) -> str:
    """The id of an alert whose delivery failed, after every secret was created and changed."""
    twice = {"Idempotency-Key": uuid4().hex}
    machine = {
        "name": "Rig",
        "metadata": {"plc_password": CANARY, "plain": 1},
        "sensitive_metadata": ["plc_password"],
    }
    client = httpx2.Client(base_url=f"{stack.gateway_url}/api/v1", headers=plant.headers, timeout=60)
    made = client.post("/machines", json=machine, headers=twice)

    def repeated() -> Any:
        """The answer is kept a moment after it was given; until then the request counts as in progress."""
        response = client.post("/machines", json=machine, headers=twice)
        return None if response.status_code == 409 else response.json()

    assert (made.status_code, eventually(repeated, seconds=30, what="the kept answer")) == (201, made.json())
    machine_id = made.json()["id"]
    changed = client.patch(
        f"/machines/{machine_id}", json={"metadata": {"plc_password": f"{CANARY}2", "vendor": "x"}}
    )
    assert changed.json()["metadata"] == {"plc_password": f"{CANARY}2", "vendor": "x"}
    [organization] = client.get("/organizations").json()["items"]
    kept = client.patch(
        f"/organizations/{organization['id']}", json={"settings": {"secrets": {"smtp": CANARY}}}
    )
    assert kept.json()["secret_names"] == ["smtp"]

    plant.completed(plant.upload(machine_id, "baseline", ("n.csv", as_csv(spectra(300, seed=1)))))
    rule = {
        "machine_id": machine_id,
        "name": "R",
        "severity": "high",
        "condition": {"version": 1, "when": {"signal": "anomaly.distance_ratio", "op": "gte", "value": 1}},
        "actions": {
            "version": 1,
            "steps": [{"channels": ["webhook:cmms"]}],
            "webhooks": {"cmms": {"url": address(), "secret": "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"}},
        },
    }
    twice = {"Idempotency-Key": uuid4().hex}
    made = client.post("/alert-rules", json=rule, headers=twice)
    again = client.post("/alert-rules", json=rule, headers=twice)
    assert (made.status_code, again.json()) == (201, made.json())
    assert made.json()["actions"]["webhooks"]["cmms"]["url"] == address()
    changed = client.patch(
        f"/alert-rules/{made.json()['id']}", json={"actions": made.json()["actions"]}, headers=twice
    )
    assert changed.status_code == 422, "the key belongs to the first request"
    changed = client.patch(f"/alert-rules/{made.json()['id']}", json={"actions": made.json()["actions"]})
    assert changed.json()["actions"] == made.json()["actions"]
    faulty = as_csv(with_fault(spectra(120, seed=3), FIRST_FAULTY))
    plant.completed(plant.upload(machine_id, "monitoring", ("today.csv", faulty)))
    [alert] = plant.alerts(machine_id)

    def failed() -> bool:
        deliveries = plant.get(f"/alerts/{alert['id']}")["deliveries"]
        return any(d["status"] in ("failed", "given_up") for d in deliveries)

    eventually(failed, seconds=60, what="a failed delivery")
    for path in ("/machines", "/alert-rules", "/alerts"):
        plant.all(path)

    def audited() -> bool:
        actions = {entry["action"] for entry in plant.all("/audit-logs")}
        return {"machine.updated", "alert_rule.updated", "organization.updated"} <= actions

    eventually(audited, seconds=60, what="the trail")
    client.close()
    return str(alert["id"])


def test_no_secret_stands_anywhere_in_plain_text(
    planted: str, plant: Plant, stack: Stack, collector: Collector
) -> None:
    # Topics first: by then every event has been in its outbox, too.
    found = in_topics(stack)
    found += in_traces(plant, stack, collector)
    found += asyncio.run(in_tables(stack.admin_dsn))
    found += in_logs(stack.layout.state_dir)
    assert found == []


async def in_tables(admin_dsn: str) -> list[str]:
    connection = await asyncpg.connect(admin_dsn)
    found, searched = [], 0
    try:
        for column in await connection.fetch(COLUMNS, SERVICES):
            place, name = column["place"], f'"{column["name"]}"'
            text = f"encode({name}, 'escape')" if column["type"] == "bytea" else f"{name}::text"
            searched += 1
            search = f"SELECT EXISTS (SELECT FROM {place} WHERE {text} LIKE $1)"
            if await connection.fetchval(search, f"%{CANARY}%"):
                found.append(f"{place}.{name}")
        # The search finds what is there: the machine's name is not sealed.
        assert await connection.fetchval(SEALED)
    finally:
        await connection.close()
    assert searched > 50
    return found


def in_topics(stack: Stack) -> list[str]:
    records = read_published(stack, *(topic.name for topic in TOPICS))
    assert records
    return [
        record.topic
        for record in records
        if CANARY.encode() in (record.value or b"") or CANARY in str(record.headers)
    ]


# What each service answers for an id that nothing has; a span says the address.
LAST = {
    "auth": "/organizations/{}",
    "machines": "/machines/{}",
    "analysis": "/analyses/{}",
    "alerting": "/alerts/{}",
}


def in_traces(plant: Plant, stack: Stack, collector: Collector) -> list[str]:
    """Spans are exported in order, some seconds late: those of the last requests come after all others."""
    for service, path in LAST.items():
        last = str(uuid4())
        httpx2.get(f"{stack.gateway_url}/api/v1{path.format(last)}", headers=plant.headers, timeout=60)
        for program in (service, "gateway"):
            eventually(partial(collector.has, program, last), seconds=60, what=f"spans of {program}")
    return [f"a trace of {len(body)} bytes" for body in collector.exports if CANARY.encode() in body]


def in_logs(folder: Path) -> list[str]:
    logs = [path for path in folder.rglob("*.log*") if path.is_file()]
    assert logs
    return [str(path) for path in logs if CANARY.encode() in path.read_bytes()]
