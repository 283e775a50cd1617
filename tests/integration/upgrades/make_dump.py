"""Makes a dump of this version's schemas with data: python -m tests.integration.upgrades.make_dump NAME

Run it in the version whose schema it shows, before the first migration of the next one is merged. It starts a
platform of its own, works with it through the gateway, and adds rows that only time would bring.
"""

import asyncio
import base64
import gzip
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import asyncpg
import httpx2

from dinsight.installation import SERVICES
from tests.e2e.plant import PASSWORD, Plant, eventually
from tests.stack import FOR_MANY_CALLS, Stack
from tests.support.tables import as_csv, spectra

DUMPS = Path(__file__).parent / "dumps"
# These protect nothing but the fixture.
PEPPER = "the pepper of dumps"
KEYS = "dump:" + base64.b64encode(b"a key that is used in dumps only"[:32]).decode()
SECRETS = {"DINSIGHT_ENCRYPTION_KEYS": KEYS, "DINSIGHT_PASSWORD_PEPPER": PEPPER}
ADDRESS = "http://127.0.0.1:9/path-of-a-dump?key=query-of-a-dump"
WEBHOOK = {"url": ADDRESS, "secret": "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"}
ACTIONS = {"version": 1, "steps": [{"channels": ["webhook:cmms"]}], "webhooks": {"cmms": WEBHOOK}}
CONDITION = {"version": 1, "when": {"signal": "anomaly.distance_ratio", "op": "gte", "value": 1}}
OWNERS = ("first@example.org", "second@example.org")
# What lies beyond the months of the installation, as history that was uploaded and clocks that were wrong.
ODD_TIMES = (
    "-infinity",
    "1969-12-31",
    "2019-02-28 23:59:59.999999+00",
    "2024-02-29",
    "2038-01-19",
    "9999-12-31",
)
COPY = """
INSERT INTO {table} ({columns}) SELECT {values} FROM {table} WHERE {condition} LIMIT {limit}
"""
# One waits and one runs, both for longer than any upgrade takes.
ADD_JOB = """
INSERT INTO {service}.jobs (id, queue, kind, organization_id, subject_id, args, size, run_at, lease_token,
                            lease_until)
SELECT gen_random_uuid(), 'dump', 'dump', id, gen_random_uuid(), '{{}}', 0, '2099-01-01', {lease}
FROM auth.organizations
"""
COLUMNS = """
SELECT attname FROM pg_attribute WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped
AND attgenerated = ''
"""


def fill(stack: Stack) -> None:
    """Two organizations that use everything."""
    for email in OWNERS:
        with httpx2.Client(base_url=f"{stack.gateway_url}/api/v1", timeout=60) as client:
            person = {"email": email, "password": PASSWORD, "full_name": "Ada Engineer"}
            client.post("/auth/register", json=person | {"organization_name": f"Plant of {email}"})
            answer = client.post("/auth/login", json={"email": email, "password": PASSWORD})
            client.headers["Authorization"] = f"Bearer {answer.raise_for_status().json()['access_token']}"
            _use(client)


def _use(client: httpx2.Client) -> None:
    plant = Plant(client)
    [organization] = plant.all("/organizations")
    settings = {"settings": {"locale": "de", "secrets": {"smtp": "a secret of a dump"}}}
    client.patch(f"/organizations/{organization['id']}", json=settings).raise_for_status()
    plant.post(f"/organizations/{organization['id']}/api-keys", {"name": "Historian", "role": "operator"})
    plant.post(
        f"/organizations/{organization['id']}/invitations",
        {"email": f"{uuid4().hex}@example.org", "role": "viewer"},
    )
    once = {"Idempotency-Key": uuid4().hex}
    machine = client.post("/machines", json={"name": "Rig", "metadata": {"kw": 75}}, headers=once).json()[
        "id"
    ]
    plant.machine("Idle")
    plant.post("/configs", {"end_dim": "f_31"})
    normal = spectra(60, seed=1, features=32).round(2)
    plant.completed(plant.upload(machine, "baseline", ("normal.csv", as_csv(normal))))
    rule = {
        "machine_id": machine,
        "name": "R",
        "severity": "high",
        "condition": CONDITION,
        "actions": ACTIONS,
    }
    client.post("/alert-rules", json=rule, headers={"Idempotency-Key": uuid4().hex}).raise_for_status()
    faulty = spectra(30, seed=3, features=32).round(2)
    faulty[20:, 10:12] += 3
    plant.completed(plant.upload(machine, "monitoring", ("today.csv", as_csv(faulty))))
    alert = plant.alerts(machine)[0]["id"]
    eventually(
        lambda: [d for d in plant.get(f"/alerts/{alert}")["deliveries"] if d["status"] == "failed"],
        seconds=60,
        what="a failed delivery",
    )
    anomaly = plant.all("/anomalies", machine_id=machine)[0]["id"]
    client.post(f"/anomalies/{anomaly}/acknowledge", json={}).raise_for_status()
    plant.post(f"/alerts/{alert}/acknowledge", {"note": "looking"})


async def age(admin_dsn: str) -> None:
    """Rows of other months and odd times, and jobs that wait and run."""
    connection = await asyncpg.connect(admin_dsn)
    try:
        for number, time in enumerate(ODD_TIMES):
            given = {"id": "gen_random_uuid()", "timestamp": f"'{time}'"}
            await _copy(connection, "analysis.anomalies", given, f"sample_index >= {number}", 4)
        for months in range(1, 30, 4):
            given = {"id": "gen_random_uuid()", "created_at": f"created_at - interval '{months} months'"}
            await _copy(connection, "auth.audit_logs", given, "true", 3)
        for service in ("analysis", "alerting", "auth"):
            for lease in ("NULL, NULL", "gen_random_uuid(), '2099-01-01'"):
                await connection.execute(ADD_JOB.format(service=service, lease=lease))
    finally:
        await connection.close()


async def _copy(
    connection: asyncpg.Connection, table: str, given: dict[str, str], condition: str, limit: int
) -> None:
    names = [row[0] for row in await connection.fetch(COLUMNS, table)]
    await connection.execute(
        COPY.format(
            table=table,
            columns=", ".join(f'"{name}"' for name in names),
            values=", ".join(given.get(name, f'"{name}"') for name in names),
            condition=condition,
            limit=limit,
        )
    )


def dump(admin_dsn: str) -> bytes:
    """The schemas of all services as statements that any client can run."""
    command = ["pg_dump", "--inserts", "--rows-per-insert=100", "--no-comments"]
    command += [f"--schema={service}" for service in SERVICES]
    script = subprocess.run([*command, admin_dsn], check=True, capture_output=True).stdout
    # A view is refreshed as the owner of its schema, who sees all rows by a policy, and none without.
    script = script.replace(b"SET row_security = off;", b"SET row_security = on;")
    # Lines for psql alone.
    return b"\n".join(line for line in script.splitlines() if not line.startswith((b"\\", b"--")))


def main() -> None:
    [name] = sys.argv[1:]
    with Stack(workers=1, settings={**FOR_MANY_CALLS, **SECRETS}) as stack:
        fill(stack)
        asyncio.run(age(stack.admin_dsn))
        target = DUMPS / f"{name}.sql.gz"
        DUMPS.mkdir(exist_ok=True)
        target.write_bytes(gzip.compress(dump(stack.admin_dsn), 9, mtime=0))
    print(f"{target}: {target.stat().st_size} bytes")


if __name__ == "__main__":
    main()
