"""The machines API on a real database and broker."""

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import httpx2
import pytest

from services.machines.main import create_app
from services.machines.settings import Settings
from shared.access import Role
from shared.events.auth import AUDIT_RECORDED
from shared.events.machines import MACHINE_CHANGED
from shared.settings import InstallationSettings
from tests.support.installation import TestDatabase
from tests.support.records import reading
from tests.support.service import running, started
from tests.support.tokens import TokenIssuer


@pytest.fixture(scope="module")
async def api(
    installation: InstallationSettings, database: TestDatabase
) -> AsyncIterator[httpx2.AsyncClient]:
    settings = Settings(database_url=database.dsn("machines"))
    async with running(create_app(installation, settings), installation) as client:
        yield client


@pytest.fixture
def organization() -> UUID:
    return uuid4()


async def create(api: httpx2.AsyncClient, headers: dict[str, str], **fields: object) -> dict[str, object]:
    response = await api.post("/api/v1/machines", json={"name": "Pump"} | fields, headers=headers)
    assert response.status_code == 201, response.text
    return dict(response.json())


async def test_a_machine_lives_from_creation_to_deletion(
    api: httpx2.AsyncClient, tokens: TokenIssuer, organization: UUID, bootstrap: str
) -> None:
    headers = tokens.headers(organization)
    machine = await create(api, headers, name="  Pump 7 ", location="Hall 3", metadata={"kw": 75})
    assert machine["name"] == "Pump 7"
    assert machine["status"] == "active"
    place = f"/api/v1/machines/{machine['id']}"

    changed = await api.patch(place, json={"status": "maintenance"}, headers=headers)
    assert changed.json()["status"] == "maintenance"
    assert changed.json()["metadata"] == {"kw": 75}
    assert (await api.get(place, headers=headers)).json() == changed.json()

    deleted = await api.delete(place, headers=headers)
    assert deleted.status_code == 202
    assert deleted.headers["Location"] == f"/api/v1/deletions/{deleted.json()['id']}"
    assert (await api.get(place, headers=headers)).status_code == 404

    async with reading(bootstrap, MACHINE_CHANGED, AUDIT_RECORDED) as reader:
        told = await reader.wait_for(MACHINE_CHANGED, 3, machine_id=UUID(str(machine["id"])))
        assert [(e.payload.version, e.payload.deleted) for e in told] == [(1, False), (2, False), (3, True)]
        assert {e.organization_id for e in told} == {organization}
        audited = await reader.wait_for(AUDIT_RECORDED, 3, resource_id=UUID(str(machine["id"])))
        actions = [e.payload.action for e in audited]
        assert actions == ["machine.created", "machine.updated", "machine.deleted"]
        assert audited[1].payload.changes == {
            "before": {"status": "active"},
            "after": {"status": "maintenance"},
        }


async def test_lists_filter_and_page(
    api: httpx2.AsyncClient, tokens: TokenIssuer, organization: UUID
) -> None:
    headers = tokens.headers(organization)
    for number in range(5):
        await create(api, headers, name=f"Fan {number}", location="Hall A" if number % 2 else "Hall B")
    seen: list[str] = []
    cursor = None
    while True:
        parameters = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = (await api.get("/api/v1/machines", params=parameters, headers=headers)).json()
        seen += [machine["name"] for machine in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == [f"Fan {number}" for number in reversed(range(5))]
    hall = await api.get("/api/v1/machines", params={"location": "hall a"}, headers=headers)
    assert {machine["name"] for machine in hall.json()["items"]} == {"Fan 1", "Fan 3"}
    found = await api.get("/api/v1/machines", params={"q": "an 4"}, headers=headers)
    assert [machine["name"] for machine in found.json()["items"]] == ["Fan 4"]


async def test_tags_are_a_set_that_lists_filter_by(
    api: httpx2.AsyncClient, tokens: TokenIssuer, organization: UUID
) -> None:
    headers = tokens.headers(organization)
    pump = await create(api, headers, name="Pump", tags=["wet ", "line-3", "wet"])
    await create(api, headers, name="Fan", tags=["line-3"])
    plain = await create(api, headers, name="Press")
    assert pump["tags"] == ["wet", "line-3"]
    assert plain["tags"] == []
    place = f"/api/v1/machines/{plain['id']}"
    assert (await api.patch(place, json={"tags": ["Wet"]}, headers=headers)).json()["tags"] == ["Wet"]
    for tag, names in (("line-3", ["Fan", "Pump"]), ("wet", ["Pump"]), ("Wet", ["Press"]), ("line", [])):
        found = await api.get("/api/v1/machines", params={"tag": tag}, headers=headers)
        assert [machine["name"] for machine in found.json()["items"]] == names


async def test_only_administrators_change_a_legal_hold(
    api: httpx2.AsyncClient, tokens: TokenIssuer, organization: UUID, bootstrap: str
) -> None:
    operator = tokens.headers(organization, Role.OPERATOR)
    admin = tokens.headers(organization, Role.ADMIN)
    held = {"name": "Pump", "legal_hold": True}
    assert (await api.post("/api/v1/machines", json=held, headers=operator)).status_code == 403
    machine = await create(api, operator, legal_hold=False)
    place = f"/api/v1/machines/{machine['id']}"
    refused = await api.patch(place, json={"legal_hold": True}, headers=operator)
    assert refused.status_code == 403
    assert "admin" in refused.json()["detail"]
    assert (await api.patch(place, json={"legal_hold": True}, headers=admin)).json()["legal_hold"] is True
    # A form that sends every field keeps the hold; ending it is the administrator's, too.
    same = await api.patch(place, json={"legal_hold": True, "name": "Pump 8"}, headers=operator)
    assert same.json()["name"] == "Pump 8"
    assert (await api.patch(place, json={"legal_hold": False}, headers=operator)).status_code == 403
    async with reading(bootstrap, MACHINE_CHANGED, AUDIT_RECORDED) as reader:
        told = await reader.wait_for(MACHINE_CHANGED, 3, machine_id=UUID(str(machine["id"])))
        assert [event.payload.legal_hold for event in told] == [False, True, True]
        audited = await reader.wait_for(AUDIT_RECORDED, 3, resource_id=UUID(str(machine["id"])))
        assert audited[1].payload.changes == {
            "before": {"legal_hold": False},
            "after": {"legal_hold": True},
        }


async def test_another_organization_sees_and_changes_nothing(
    api: httpx2.AsyncClient, tokens: TokenIssuer, organization: UUID
) -> None:
    mine = tokens.headers(organization)
    machine = await create(api, mine)
    place = f"/api/v1/machines/{machine['id']}"
    foreign = tokens.headers(uuid4())
    assert (await api.get(place, headers=foreign)).status_code == 404
    assert (await api.patch(place, json={"name": "Mine"}, headers=foreign)).status_code == 404
    assert (await api.delete(place, headers=foreign)).status_code == 404
    assert (await api.get("/api/v1/machines", headers=foreign)).json()["items"] == []
    assert (await api.get(place, headers=mine)).json() == machine


async def test_roles_limit_what_one_may_do(
    api: httpx2.AsyncClient, tokens: TokenIssuer, organization: UUID
) -> None:
    viewer = tokens.headers(organization, Role.VIEWER)
    refused = await api.post("/api/v1/machines", json={"name": "Pump"}, headers=viewer)
    assert refused.status_code == 403
    assert "operator" in refused.json()["detail"]
    machine = await create(api, tokens.headers(organization, Role.OPERATOR))
    place = f"/api/v1/machines/{machine['id']}"
    assert (await api.delete(place, headers=tokens.headers(organization, Role.OPERATOR))).status_code == 403
    assert (await api.get(place, headers=viewer)).status_code == 200


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/body/name"),
        ({"name": " "}, "/body/name"),
        ({"name": "x" * 256}, "/body/name"),
        ({"name": "Pump", "status": "broken"}, "/body/status"),
        ({"name": "Pump", "metadata": {"note": "\u0000"}}, "/body/metadata"),
        ({"name": "Pump", "colour": "red"}, "/body/colour"),
        ({"name": "Pump", "tags": [" "]}, "/body/tags/0"),
        ({"name": "Pump", "tags": ["fine", "x" * 51]}, "/body/tags/1"),
        ({"name": "Pump", "tags": [str(number) for number in range(21)]}, "/body/tags"),
        ({"name": "Pump", "tags": "pump"}, "/body/tags"),
    ],
)
async def test_invalid_input_is_pointed_at(
    api: httpx2.AsyncClient, tokens: TokenIssuer, organization: UUID, body: object, pointer: str
) -> None:
    response = await api.post("/api/v1/machines", json=body, headers=tokens.headers(organization))
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    assert [error["pointer"] for error in response.json()["errors"]] == [pointer]


async def test_text_that_the_database_cannot_store_is_refused(
    api: httpx2.AsyncClient, tokens: TokenIssuer, organization: UUID
) -> None:
    headers = tokens.headers(organization)
    response = await api.post("/api/v1/machines", json={"name": "Pump\u0000"}, headers=headers)
    assert response.status_code == 422
    assert (await api.get("/api/v1/machines", params={"q": "\u0000"}, headers=headers)).status_code == 422


async def test_a_database_that_is_down_is_a_503(
    installation: InstallationSettings, tokens: TokenIssuer, organization: UUID
) -> None:
    app = create_app(installation, Settings(database_url="postgresql://nobody:x@127.0.0.1:1/nothing"))
    async with started(app, installation) as client:
        response = await client.get("/api/v1/machines", headers=tokens.headers(organization))
        ready = await client.get("/health/ready")
    assert response.status_code == 503
    assert response.headers["Retry-After"]
    assert ready.status_code == 503
    assert ready.json()["database"] == "unreachable"


async def test_tokens_are_checked(api: httpx2.AsyncClient, tokens: TokenIssuer, organization: UUID) -> None:
    assert (await api.get("/api/v1/machines")).status_code == 401
    expired = {"Authorization": f"Bearer {tokens.issue(organization, exp=1)}"}
    assert (await api.get("/api/v1/machines", headers=expired)).status_code == 401
    other_issuer = TokenIssuer().headers(organization)
    assert (await api.get("/api/v1/machines", headers=other_issuer)).status_code == 401
    elsewhere = tokens.headers(organization) | {"X-Organization-Id": str(uuid4())}
    assert (await api.get("/api/v1/machines", headers=elsewhere)).status_code == 403


async def test_a_write_with_an_idempotency_key_is_performed_once(
    api: httpx2.AsyncClient, tokens: TokenIssuer, organization: UUID
) -> None:
    headers = tokens.headers(organization) | {"Idempotency-Key": "one"}
    first = await api.post("/api/v1/machines", json={"name": "Pump"}, headers=headers)
    again = await api.post("/api/v1/machines", json={"name": "Pump"}, headers=headers)
    assert again.json() == first.json()
    assert again.status_code == 201
    assert again.headers["Idempotency-Replayed"] == "true"
    other = await api.post("/api/v1/machines", json={"name": "Fan"}, headers=headers)
    assert other.status_code == 422
    listed = await api.get("/api/v1/machines", headers=headers)
    assert len(listed.json()["items"]) == 1


async def test_two_api_keys_of_one_user_do_not_share_idempotency_keys(
    api: httpx2.AsyncClient, tokens: TokenIssuer, organization: UUID
) -> None:
    """Otherwise one organization would get the response of the other."""
    user, made = uuid4(), []
    for place in (organization, uuid4()):
        headers = tokens.headers(place, user_id=user, akid=str(uuid4())) | {"Idempotency-Key": "same"}
        response = await api.post("/api/v1/machines", json={"name": "Pump"}, headers=headers)
        assert response.status_code == 201, response.text
        made.append(response.json()["id"])
    assert made[0] != made[1]
