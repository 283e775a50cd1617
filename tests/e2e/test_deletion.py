"""Deleting analyses, a machine, an organization and an account: everything of it goes, in every service.

The steps follow each other on one organization, since it takes long to furnish one; another organization
beside it must not notice anything.
"""

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import asyncpg
import httpx2
import pytest

from dinsight.deletions.certificates import certificate as read_certificate
from dinsight.installation import SERVICES
from dinsight.republish.outboxes import republish
from shared.clock import SystemClock
from shared.events.analysis import ANOMALY_DETECTED, AnomalyDetected
from shared.events.base import Event
from tests.e2e.plant import eventually
from tests.e2e.topics import send, wait_handled
from tests.isolation.bodies import FEATURES, PASSWORD, ROWS
from tests.isolation.tenants import Tenant, furnished, snapshot
from tests.stack import Stack
from tests.support.signing import encode_signed
from tests.support.tables import as_csv, spectra
from tests.support.traces import mentions, objects
from tests.unit.shared.examples import EXAMPLES

# What stays: the trail and the certificate, and tombstones that say nothing.
KEPT_EVENTS = "keep_latest OR topic IN ('audit.recorded', 'deletion.requested', 'deletion.reported')"
ALLOWED = {
    "auth.audit_logs": "true",
    "auth.deletions": "true",
    "auth.organizations": "deleted_at IS NOT NULL AND name = 'Deleted organization' AND settings = '{}'",
    "auth.users": "deleted_at IS NOT NULL AND full_name = 'Deleted user'",
    **{f"{service}.outbox": KEPT_EVENTS for service in SERVICES},
    "analysis.machine_refs": "deleted AND name = '' AND location IS NULL",
    "analysis.organization_refs": "deleted",
    "alerting.machine_refs": "deleted AND name = ''",
    "alerting.organization_refs": "deleted",
    "alerting.member_refs": "deleted AND email IS NULL",
}
DETACHED = {
    "alerting.alerts": "status = 'resolved' AND data ->> 'analysis_id' IS NULL AND anomaly_id IS NULL",
    "alerting.alert_rules": "deleted_at IS NOT NULL AND actions = '{}' AND condition = '{}'",
}


pytestmark = pytest.mark.random_order(disabled=True)


@pytest.fixture(scope="module")
def client(stack: Stack) -> Iterator[httpx2.Client]:
    stack.wait_ready()
    with httpx2.Client(base_url=stack.gateway_url, timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def document(client: httpx2.Client) -> Mapping[str, Any]:
    found: dict[str, Any] = client.get("/openapi.json").json()
    return found


@pytest.fixture(scope="module")
def tenant(client: httpx2.Client, stack: Stack, document: Mapping[str, Any]) -> Tenant:
    return furnished(client, stack.admin_dsn, document)


@pytest.fixture(scope="module")
def neighbour(client: httpx2.Client, stack: Stack, document: Mapping[str, Any]) -> Tenant:
    return furnished(client, stack.admin_dsn, document)


def delete(tenant: Tenant, path: str, **query: str) -> httpx2.Response:
    return tenant.client.delete(f"/api/v1{path}", headers=dict(tenant.owner), params=query)


def certificate(client: httpx2.Client, headers: Mapping[str, str], place: str) -> dict[str, Any]:
    """The complete certificate."""

    def complete() -> dict[str, Any]:
        response = client.get(place, headers=dict(headers))
        found: dict[str, Any] = response.json() if response.status_code == 200 else {}
        return found if found.get("completed_at") else {}

    return eventually(complete, seconds=120, what=f"the certificate at {place}")


def seen_by(tenant: Tenant) -> dict[str, str]:
    """Everything that an owner sees, but for counts that are brought up to date once a minute."""
    seen = snapshot(tenant)
    for late in ("GET /anomalies/daily", "GET /machines/{machine_id}/health"):
        del seen[late]
    return seen


def nothing_left(stack: Stack, ids: Mapping[str, str], allowed: Mapping[str, str]) -> None:
    storage = Path(urlsplit(stack.env["DINSIGHT_STORAGE_URL"]).path)
    for name, wanted in ids.items():
        assert asyncio.run(_mentions(stack.admin_dsn, wanted, allowed)) == [], name
        assert objects(storage, wanted) == [], name


async def _mentions(admin_dsn: str, wanted: str, allowed: Mapping[str, str]) -> list[str]:
    connection = await asyncpg.connect(admin_dsn)
    try:
        return await mentions(connection, wanted, allowed)
    finally:
        await connection.close()


def analysed(tenant: Tenant, kind: str) -> tuple[str, str]:
    """A completed analysis of the tenant's machine, and its upload."""
    normal = spectra(ROWS, seed=1, features=FEATURES)
    table = normal if kind == "baseline" else normal[:20] + 25.0
    form = {"machine_id": tenant.ids["machine_id"], "analysis_type": kind}
    files = [("files", ("table.csv", as_csv(table), "text/csv"))]
    accepted = tenant.send("POST", "/analyses", data=form, files=files)
    eventually(
        lambda: tenant.ask(f"/analyses/{accepted['id']}")["status"] == "completed",
        seconds=60,
        what=f"the end of the {kind}",
    )
    return accepted["id"], accepted["file_upload_id"]


def test_a_legal_hold_protects_a_machine_its_analyses_and_its_organization(tenant: Tenant) -> None:
    machine, run = tenant.ids["machine_id"], tenant.ids["analysis_id"]
    slug = tenant.ask(f"/organizations/{tenant.ids['organization_id']}")["slug"]
    tenant.send("PATCH", f"/machines/{machine}", json={"legal_hold": True})
    held = delete(tenant, f"/machines/{machine}")
    assert (held.status_code, held.json()["type"]) == (409, "urn:dinsight:problem:legal-hold")
    organization = delete(tenant, f"/organizations/{tenant.ids['organization_id']}", confirm=slug)
    assert (organization.status_code, organization.json()["machine_id"]) == (409, machine)

    def replica_holds() -> bool:
        """Archiving asks the same replica, and changes nothing if the hold is not there yet."""
        answer = tenant.client.post(
            f"/api/v1/analyses/{tenant.ids['baseline_id']}/archive", headers=dict(tenant.owner)
        )
        return answer.status_code == 409 and answer.json()["type"].endswith("legal-hold")

    eventually(replica_holds, seconds=30, what="the hold in the analysis service")
    assert delete(tenant, f"/analyses/{run}").json()["type"] == "urn:dinsight:problem:legal-hold"
    tenant.send("PATCH", f"/machines/{machine}", json={"legal_hold": False})
    eventually(lambda: not replica_holds(), seconds=30, what="the end of the hold")


def test_a_baseline_in_use_stays_unless_everything_on_it_goes(tenant: Tenant, stack: Stack) -> None:
    baseline, run = tenant.ids["baseline_id"], tenant.ids["analysis_id"]
    refused = delete(tenant, f"/analyses/{baseline}")
    assert (refused.status_code, refused.json()["runs"], refused.json()["active"]) == (409, 1, True)
    anomalies = [anomaly["id"] for anomaly in tenant.ask("/anomalies", analysis_id=run)["items"]]
    accepted = delete(tenant, f"/analyses/{baseline}", cascade="true")
    assert accepted.status_code == 202, accepted.text
    assert delete(tenant, f"/analyses/{run}").status_code in (404, 409)
    found = certificate(tenant.client, tenant.owner, accepted.headers["Location"])
    assert (found["kind"], found["subject_id"], found["part_ids"]) == ("analysis", baseline, [run])
    analysis = found["reports"]["analysis"]
    assert analysis["rows"]["analyses"] == analysis["rows"]["file_uploads"] == 2
    assert analysis["rows"]["anomalies"] == len(anomalies) > 0
    # Two uploads and a model.
    assert analysis["objects"] == 3
    assert analysis["bytes"] > 0
    assert found["backups_expire_at"] > found["requested_at"]
    assert tenant.client.get(f"/api/v1/analyses/{run}", headers=dict(tenant.owner)).status_code == 404
    gone = {"baseline": baseline, "run": run, "upload": tenant.ids["upload_id"], "anomaly": anomalies[0]}
    # The alert stays, without the anomaly; what comes late about these analyses is recognized.
    nothing_left(stack, gone, ALLOWED | {"alerting.deleted_analyses": "true"})
    alert = tenant.ask(f"/alerts/{tenant.ids['alert_id']}")
    assert (alert["anomaly_id"], alert["analysis_id"], alert["machine_name"]) == (None, None, "Rig")


def test_a_deleted_machine_leaves_its_name_in_alerts_and_nothing_else(tenant: Tenant, stack: Stack) -> None:
    machine = tenant.ids["machine_id"]
    baseline, upload = analysed(tenant, "baseline")
    run, _ = analysed(tenant, "monitoring")
    accepted = delete(tenant, f"/machines/{machine}")
    assert accepted.status_code == 202, accepted.text
    assert delete(tenant, f"/machines/{machine}").status_code == 404
    found = certificate(tenant.client, tenant.owner, accepted.headers["Location"])
    assert found["reports"]["analysis"]["rows"]["analyses"] == 2
    assert found["reports"]["analysis"]["objects"] == 3
    gone = {"machine": machine, "baseline": baseline, "run": run, "upload": upload}
    nothing_left(stack, gone, ALLOWED | DETACHED)
    alert = tenant.ask(f"/alerts/{tenant.ids['alert_id']}")
    assert (alert["status"], alert["machine_name"], alert["deliveries"]) == ("resolved", "Rig", [])
    late_anomaly(stack, tenant)
    again(stack)
    nothing_left(stack, gone, ALLOWED | DETACHED)


def late_anomaly(stack: Stack, tenant: Tenant) -> None:
    """What a worker that was not stopped in time would have published."""
    machine_id, organization_id = UUID(tenant.ids["machine_id"]), UUID(tenant.ids["organization_id"])
    example = EXAMPLES["anomaly.detected"]
    assert isinstance(example, AnomalyDetected)
    payload = example.model_copy(update={"machine_id": machine_id})
    now = SystemClock().now()
    event = Event(uuid4(), ANOMALY_DETECTED, str(machine_id), organization_id, now, payload)
    value, headers = encode_signed(event)
    send(stack.kafka_bootstrap, event.topic.name, (str(machine_id).encode(), value, list(headers.items())))
    wait_handled(stack)


def again(stack: Stack) -> None:
    """Everything that the outboxes keep is published again, as after the loss of the broker."""
    for service in SERVICES:
        asyncio.run(republish(stack.admin_dsn, service))
    wait_handled(stack)


def test_a_deleted_organization_ends_at_once_and_leaves_nothing(
    tenant: Tenant, neighbour: Tenant, stack: Stack
) -> None:
    organization = tenant.ids["organization_id"]
    email = tenant.ask("/users/me")["email"]
    place = f"/organizations/{organization}"
    before = seen_by(neighbour)
    machine = tenant.send("POST", "/machines", json={"name": "Fan"})["id"]
    slug = tenant.ask(place)["slug"]
    assert delete(tenant, place).status_code == 422
    wrong = delete(tenant, place, confirm="Another")
    assert wrong.json()["errors"][0]["pointer"] == "/query/confirm"
    viewer = tenant.client.delete(f"/api/v1{place}", headers=dict(tenant.viewer), params={"confirm": slug})
    assert viewer.status_code == 403
    accepted = delete(tenant, place, confirm=slug)
    assert accepted.status_code == 202, accepted.text
    stack.kill("analysis")
    # The token is valid for minutes still; the gateway and auth know better.
    eventually(
        lambda: tenant.client.get("/api/v1/machines", headers=dict(tenant.owner)).status_code == 401,
        seconds=30,
        what="the end of access",
    )
    headers = signed_in(tenant.client, email)
    found = certificate(tenant.client, headers, accepted.headers["Location"])
    assert found["reports"]["machines"]["rows"]["machines"] == 1
    assert found["reports"]["auth"]["rows"]["user_organizations"] == 2
    people = [tenant.ids[name] for name in ("user_id", "owner_id", "session_id", "passkey_id")]
    ids = {name: id_ for name, id_ in tenant.ids.items() if len(id_) >= 36 and id_ not in people}
    nothing_left(stack, ids | {"machine": machine}, ALLOWED)
    again(stack)
    late_anomaly(stack, tenant)
    nothing_left(stack, ids | {"machine": machine}, ALLOWED)
    assert seen_by(neighbour) == before


def test_a_deleted_account_is_a_tombstone_and_its_address_is_free(tenant: Tenant, stack: Stack) -> None:
    client = tenant.client
    email, name = f"{uuid4().hex}@example.org", f"Ada {uuid4().hex}"
    person = register(client, email, name)
    headers = signed_in(client, email)
    founded = client.get("/api/v1/organizations", headers=headers).json()["items"][0]
    refused = client.delete("/api/v1/users/me", headers=headers)
    assert refused.status_code == 409
    assert refused.json()["organizations"] == [{"id": founded["id"], "name": "Plant"}]
    key = client.post(
        f"/api/v1/organizations/{founded['id']}/api-keys",
        headers=headers,
        json={"name": "Robot", "role": "operator"},
    )
    assert key.status_code == 201, key.text
    place = f"/api/v1/organizations/{founded['id']}"
    gone = client.delete(place, headers=headers, params={"confirm": "Plant"})
    assert gone.status_code == 202, gone.text
    headers = signed_in(client, email)
    certificate(client, headers, gone.headers["Location"])
    accepted = client.delete("/api/v1/users/me", headers=headers)
    assert accepted.status_code == 202, accepted.text
    eventually(
        lambda: client.get("/api/v1/users/me", headers=headers).status_code == 401,
        seconds=30,
        what="the end of access",
    )
    eventually(
        lambda: asyncio.run(completed(stack, accepted.json()["id"])), seconds=60, what="the certificate"
    )
    nothing_left(stack, {"user": person}, ALLOWED)
    texts = {place: condition for place, condition in ALLOWED.items() if place.endswith(".outbox")}
    nothing_left(stack, {"address": email, "name": name}, texts)
    assert register(client, email, name) != person


async def completed(stack: Stack, deletion_id: str) -> bool:
    found = await read_certificate(stack.admin_dsn, UUID(deletion_id))
    return found is not None and found.completed_at is not None


def register(client: httpx2.Client, email: str, name: str) -> str:
    body = {"email": email, "password": PASSWORD, "full_name": name, "organization_name": "Plant"}
    response = client.post("/api/v1/auth/register", json=body)
    assert response.status_code == 201, response.text
    return str(response.json()["user"]["id"])


def signed_in(client: httpx2.Client, email: str) -> dict[str, str]:
    response = client.post("/api/v1/auth/login", json={"email": email, "password": PASSWORD})
    assert response.status_code == 200, response.text
    return {"Authorization": f"Bearer {response.json()['access_token']}"}
