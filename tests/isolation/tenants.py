"""Organizations with something of every kind, made through the gateway."""

import asyncio
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import httpx2

from services.auth.opaque_tokens import token_hash
from tests.e2e.plant import eventually
from tests.isolation.bodies import CONFIG, FEATURES, PASSWORD, ROWS, override, payload
from tests.isolation.operations import Document, Operation, operations
from tests.support.tables import as_csv, spectra

RULE = {
    "name": "Any anomaly",
    "condition": {"version": 1, "when": {"signal": "anomaly.distance", "op": "gt", "value": 0}},
    "actions": {"version": 1, "steps": [{"to": ["role:owner"]}]},
    "severity": "high",
}
# It is off: what looks find changes what is read, whatever anybody does.
SOURCE = {
    "name": "Logger",
    "place": {"kind": "sftp", "host": "files.example.com", "username": "rig", "password": "example-only"},
    "is_active": False,
}
# An invitation whose letter has been read: its link holds the token.
INVITE = """
INSERT INTO auth.invitations (id, organization_id, email, role, token_hash, invited_by, created_at,
                              expires_at)
VALUES (gen_random_uuid(), $1, $2, 'admin', $3, $4, now(), now() + interval '1 day')
"""
# Of the viewer, who is signed in already: a passkey asks for more than the password.
PASSKEY = """
INSERT INTO auth.passkeys (id, user_id, name, credential_id, public_key, sign_count, transports, created_at)
VALUES ($1::uuid, $2, 'Key', convert_to($1::uuid::text, 'UTF8'), '', 0, '{}', now())
"""
JOIN = "INSERT INTO auth.user_organizations (user_id, organization_id, role) VALUES ($1, $2, $3)"
# Made when the installation can; whatever a later endpoint needs to have is added here.
FURNISHING = (
    "POST /organizations/{organization_id}/invitations",
    "POST /organizations/{organization_id}/api-keys",
    "POST /rule-templates",
    "POST /contact-points",
    "POST /rotations",
    "POST /silences",
    "POST /maintenance-windows",
    "POST /opt-outs",
    "PUT /alert-budget",
)
TRAIL = "list_audit_logs"
# What is about the present unless a time is given.
NOW = datetime.now(UTC)
SPAN = {"since": (NOW - timedelta(days=1)).isoformat(), "until": (NOW + timedelta(days=1)).isoformat()}
TIMED = ("summarize_alerts", "list_shifts")
# Grows with time, whatever anybody does.
AGE = re.compile(r'"(silent_for|trace_id)": ("[0-9a-f]+"|[0-9.e+-]+)')


class NoForeignId(AssertionError):
    """The matrix does not know what to put in an address."""


@dataclass
class Tenant:
    """An organization, its owner and viewer, and the ids of what it has, by the names that addresses use."""

    client: httpx2.Client
    document: Document
    owner: Mapping[str, str]
    viewer: Mapping[str, str] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)

    def call(
        self, operation: Operation, headers: Mapping[str, str], query: Mapping[str, str] | None = None
    ) -> httpx2.Response:
        """`operation` on what the tenant has, with a body that it accepts."""
        arguments = payload(self.document, operation, self.ids).arguments()
        return self.client.request(
            operation.method, operation.address(self.ids), headers=dict(headers), params=query, **arguments
        )

    def ask(self, path: str, **parameters: Any) -> Any:
        response = self.client.get(f"/api/v1{path}", headers=dict(self.owner), params=parameters)
        assert response.status_code == 200, f"GET {path}: {response.text}"
        return response.json()

    def send(self, method: str, path: str, **arguments: Any) -> Any:
        response = self.client.request(method, f"/api/v1{path}", headers=dict(self.owner), **arguments)
        assert response.is_success, f"{method} {path}: {response.text}"
        return response.json()


def furnished(client: httpx2.Client, admin_dsn: str, document: Document) -> Tenant:
    """A tenant with a machine, a map, an anomaly, a rule, an alert, a second member and whatever else."""
    owner_id, email, organization_id = _register(client)
    viewer_id, viewer_email, another_organization_id = _register(client)
    token = secrets.token_urlsafe()
    invited = (another_organization_id, email, token_hash(token), viewer_id)
    asyncio.run(_write(admin_dsn, JOIN, viewer_id, organization_id, "viewer"))
    asyncio.run(_write(admin_dsn, INVITE, *invited))
    tenant = Tenant(client, document, _sign_in(client, email, organization_id))
    tenant.viewer = _sign_in(client, viewer_email, organization_id)
    tenant.ids = {
        "organization_id": organization_id,
        "user_id": viewer_id,
        "owner_id": owner_id,
        "machine_id": str(tenant.send("POST", "/machines", json={"name": "Rig"})["id"]),
        "token": token,
        "passkey_id": str(uuid4()),
    }
    asyncio.run(_write(admin_dsn, PASSKEY, tenant.ids["passkey_id"], viewer_id))
    tenant.ids["config_id"] = str(tenant.send("POST", "/configs", json=CONFIG)["id"])
    rule = RULE | {"machine_id": tenant.ids["machine_id"]}
    tenant.ids["rule_id"] = str(tenant.send("POST", "/alert-rules", json=rule)["id"])
    source = tenant.send("POST", f"/machines/{tenant.ids['machine_id']}/sources", json=SOURCE)
    tenant.ids["source_id"] = str(source["id"])
    _analyse(tenant)
    known = {operation.name: operation for operation in operations(document)}
    for name in FURNISHING:
        if name in known:
            made = tenant.call(known[name], tenant.owner)
            assert made.is_success, f"{name}: {made.text}; say in tests/isolation/bodies.py what it accepts"
    scrapped = tenant.send("POST", "/machines", json={"name": "Scrap"})["id"]
    tenant.send("DELETE", f"/machines/{scrapped}")
    eventually(lambda: _certified(tenant), seconds=60, what="the complete certificate of a deletion")
    tenant.ids["rotation_id"] = str(tenant.ask("/rotations")["items"][0]["id"])
    overrides = f"/rotations/{tenant.ids['rotation_id']}/overrides"
    tenant.ids["override_id"] = str(tenant.send("POST", overrides, json=override(owner_id))["id"])
    name_the_rest(tenant)
    tenant.ids["resource_id"] = tenant.ids["machine_id"]
    tenant.ids["alert_rule_id"] = tenant.ids["rule_id"]
    tenant.ids["assigned_to"] = tenant.ids["user_id"]
    return tenant


def _register(client: httpx2.Client) -> tuple[str, str, str]:
    email = f"{uuid4().hex}@example.org"
    body = {"email": email, "password": PASSWORD, "full_name": "Ada Engineer", "organization_name": "Plant"}
    response = client.post("/api/v1/auth/register", json=body)
    assert response.status_code == 201, response.text
    made = response.json()
    return str(made["user"]["id"]), email, str(made["organization"]["id"])


def _sign_in(client: httpx2.Client, email: str, organization_id: str) -> dict[str, str]:
    response = client.post("/api/v1/auth/login", json={"email": email, "password": PASSWORD})
    assert response.status_code == 200, response.text
    token = response.json()["access_token"]
    return {"Authorization": f"Bearer {token}", "X-Organization-Id": organization_id}


async def _write(admin_dsn: str, statement: str, *values: str) -> None:
    connection = await asyncpg.connect(admin_dsn)
    try:
        await connection.execute(statement, *values)
    finally:
        await connection.close()


def _analyse(tenant: Tenant) -> None:
    """A map of normal, and a run with anomalies that raise an alert."""
    normal = spectra(ROWS, seed=1, features=FEATURES)
    machine_id = tenant.ids["machine_id"]
    for kind, samples in (("baseline", normal), ("monitoring", normal[:20] + 25.0)):
        form = {"machine_id": machine_id, "analysis_type": kind}
        files = [("files", ("table.csv", as_csv(samples), "text/csv"))]
        accepted = tenant.send("POST", "/analyses", data=form, files=files)
        tenant.ids["analysis_id"], tenant.ids["upload_id"] = accepted["id"], accepted["file_upload_id"]
        ended = eventually(lambda: _ended(tenant), seconds=60, what=f"the end of the {kind}")
        assert ended["status"] == "completed", ended
        tenant.ids.setdefault("baseline_id", accepted["id"])
    # What is compared with what.
    tenant.ids |= dict.fromkeys(("from", "to"), tenant.ids["baseline_id"])
    eventually(lambda: _quiet(tenant), seconds=30, what="all anomalies in the alert")
    tenant.ids["anomaly_id"] = tenant.ask("/anomalies", limit=1)["items"][0]["id"]
    tenant.ids["alert_id"] = tenant.ask("/alerts")["items"][0]["id"]


def _ended(tenant: Tenant) -> dict[str, Any]:
    analysis: dict[str, Any] = tenant.ask(f"/analyses/{tenant.ids['analysis_id']}")
    return analysis if analysis["status"] in ("completed", "failed") else {}


def _quiet(tenant: Tenant) -> bool:
    """Whether every anomaly has reached the alert, and the machine knows of its analysis."""
    alerts = tenant.ask("/alerts")["items"]
    found = len(tenant.ask("/anomalies", limit=500)["items"])
    noted = tenant.ask(f"/machines/{tenant.ids['machine_id']}")["last_analysis_at"] is not None
    return noted and found > 0 and sum(alert["count"] for alert in alerts) == found


def _certified(tenant: Tenant) -> bool:
    """Whether every service has reported on what was deleted: the certificate does not change any more."""
    deletions = tenant.ask("/deletions")["items"]
    return bool(deletions) and all(deletion["completed_at"] for deletion in deletions)


def name_the_rest(tenant: Tenant) -> None:
    """Ids that addresses need and nobody named: the first of what the collection in front of them lists."""
    found = operations(tenant.document)
    lists = {operation.path for operation in found if operation.method == "GET"}
    for operation in found:
        for name in operation.path_names:
            key, collection = operation.key(name), operation.collection(name)
            if key in tenant.ids or not operation.secured:
                continue
            items: list[dict[str, Any]] = []
            if collection in lists:
                items = tenant.ask(collection.removeprefix("/api/v1").format_map(tenant.ids))["items"]
            if not items:
                raise NoForeignId(
                    f"{operation.name}: the isolation matrix has no id for {{{name}}}. Make such a resource"
                    f" in tests/isolation/tenants.py, or put its id under {key!r} there."
                )
            tenant.ids[key] = str(items[0].get("id") or items[0][name])


def snapshot(tenant: Tenant) -> dict[str, str]:
    """Everything that the tenant's owner can read, by address; but the trail, to which entries come late."""
    seen = {}
    for operation in operations(tenant.document):
        readable = operation.method == "GET" and operation.secured and not operation.streams
        readable = readable and not operation.is_administration
        if readable and operation.id != TRAIL:
            query = SPAN if operation.id in TIMED else None
            answer = tenant.call(operation, tenant.owner, query)
            assert answer.status_code in (200, 409), f"{operation.name}: {answer.status_code} {answer.text}"
            is_json = "json" in answer.headers["Content-Type"]
            text = json.dumps(answer.json(), sort_keys=True) if is_json else answer.text
            seen[operation.name] = AGE.sub("", text)
    return seen
