"""Nobody reaches into another organization: every operation of the gateway's document, every attack.

Which operations there are, what they take and where ids stand is read from the document; a new endpoint is
attacked without a word here. `python -m tests.isolation_matrix` prints the matrix.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest

from services.gateway.routing import OPEN
from tests.e2e.plant import eventually
from tests.isolation import attacks, matrix
from tests.isolation.bodies import PASSWORD
from tests.isolation.operations import Document, Operation, operations
from tests.isolation.tenants import NoForeignId, Tenant, furnished, name_the_rest, snapshot
from tests.stack import Stack

# Of the operations that write, those that leave nothing in the trail, and why.
NOT_RECORDED = {
    "refresh": "it only goes on with a session whose beginning is recorded",
    "delete_me": "it is refused while the organization has no other owner; test_deletion.py deletes accounts",
    "delete_organization": "it needs to be confirmed, and ends the access to its trail; see test_deletion.py",
    "backtest_rule": "it reads history and stores nothing",
    "backtest_unsaved_rule": "it reads history and stores nothing",
    "put_feed": "the broker of most runs has no logins, and so no feeds; see test_feeds.py",
    "delete_feed": "there is none; see test_feeds.py",
    "preview_file": "it reads a file and stores nothing",
    **dict.fromkeys(("begin_totp", "begin_passkey"), "nothing follows from it before a second step"),
    **dict.fromkeys(
        ("confirm_totp", "remove_totp", "add_passkey", "remove_passkey", "renew_recovery_codes"),
        "it needs an app or a passkey; see tests/unit/auth/second_factor",
    ),
    "ask_for_confirmation": "the contact point is no mailbox; see tests/unit/alerting/people",
    "send_verification": "a link that was sent moments ago, with the registration, is not sent again",
}
# A changed rule resolves its alert, so these come before it.
LIFE = (
    "acknowledge_alert",
    "unacknowledge_alert",
    "assign_alert",
    "change_alerts",
    "comment_on_alert",
    "resolve_alert",
    "reopen_alert",
)


@dataclass(frozen=True)
class Outcome:
    document: Document
    answers: list[attacks.Answer]
    before: Mapping[str, str]
    after: Mapping[str, str]
    recorded: list[Mapping[str, Any]]


@pytest.fixture(scope="module")
def client(stack: Stack) -> Iterator[httpx2.Client]:
    stack.wait_ready()
    with httpx2.Client(base_url=stack.gateway_url, timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def document(client: httpx2.Client) -> Document:
    found: dict[str, Any] = client.get("/openapi.json").json()
    return found


@pytest.fixture(scope="module")
def attacker(client: httpx2.Client, stack: Stack, document: Document) -> Tenant:
    return furnished(client, stack.admin_dsn, document)


@pytest.fixture(scope="module")
def outcome(client: httpx2.Client, stack: Stack, document: Document, attacker: Tenant) -> Outcome:
    """Every attack on every operation; what the victim sees before and after, and in its trail."""
    victim = furnished(client, stack.admin_dsn, document)
    scene = attacks.Scene(attacker, victim)
    before, began = snapshot(victim), datetime.now(UTC)
    answers = [answer for attack in attacks.ATTACKS for answer in attacks.run(scene, attack)]
    recorded = victim.ask("/audit-logs", since=began.isoformat())["items"]
    return Outcome(document, answers, before, snapshot(victim), recorded)


@pytest.mark.parametrize("attack", attacks.ATTACKS)
def test_every_operation_withstands_generated_requests(outcome: Outcome, attack: str) -> None:
    answers = [a for a in outcome.answers if a.attack == attack or (attack == "query" and a.attack == "own")]
    assert answers
    assert [f"{answer.operation.name}: {answer.wrong}" for answer in answers if answer.wrong] == []


def test_nothing_of_the_victim_has_changed(outcome: Outcome) -> None:
    changed = [name for name, seen in outcome.before.items() if outcome.after[name] != seen]
    assert changed == []
    # The viewer's own, see attacks.VIEWERS.
    assert [entry for entry in outcome.recorded if entry["action"] != "opt_out.created"] == []


def test_every_operation_is_attacked_or_open_to_all(outcome: Outcome) -> None:
    attacked = {answer.operation.id for answer in outcome.answers}
    free = [operation for operation in operations(outcome.document) if operation.id not in attacked]
    assert {(operation.method, operation.path) for operation in free} <= OPEN
    print(f"\n{matrix.table(outcome.document, outcome.answers)}\n\n{matrix.summary(outcome.answers)}")


def test_an_operation_whose_ids_are_not_known_fails() -> None:
    described = {
        "operationId": "get_gadget",
        "security": [{"HTTPBearer": []}],
        "parameters": [{"name": "gadget_id", "in": "path", "schema": {"type": "string"}}],
    }
    document = {"paths": {"/api/v1/gadgets/{gadget_id}": {"get": described}}}
    with httpx2.Client() as client, pytest.raises(NoForeignId, match=r"no id for \{gadget_id\}"):
        name_the_rest(Tenant(client, document, owner={}))


def test_every_write_is_audited(outcome: Outcome, attacker: Tenant, document: Document) -> None:
    """Each write of the document is done for once, on one's own things, under a name of its own."""
    agents = {}
    for operation in sorted(filter(_records, operations(document)), key=_order):
        agent = f"trail/{operation.id}"
        _wait_for_what_it_needs(attacker, operation)
        response = attacker.call(operation, {**attacker.owner, "User-Agent": agent})
        assert response.is_success, f"{operation.name}: {response.status_code} {response.text}"
        agents[agent] = operation.name
    tokens = _sign_in_and_out(attacker)
    agents |= {"trail/login": "POST /auth/login", "trail/logout": "POST /auth/logout"}
    # The entries of founding and of joining an organization are in its trail, which a newer token opens.
    newer = replace(attacker, owner={"Authorization": f"Bearer {tokens['access_token']}"})
    organizations = [organization["id"] for organization in newer.ask("/organizations")["items"]]
    assert len(organizations) == 3
    missing = dict(agents)

    def recorded() -> bool:
        for organization_id in organizations:
            reader = replace(newer, owner={**newer.owner, "X-Organization-Id": organization_id})
            for entry in reader.ask("/audit-logs", limit=500)["items"]:
                missing.pop(entry["user_agent"], None)
        return not missing

    with suppress(AssertionError):
        eventually(recorded, seconds=30, what="an entry of every write")
    assert list(missing.values()) == []


def _wait_for_what_it_needs(tenant: Tenant, operation: Operation) -> None:
    """An analysis is archived, then restored, then its anomalies are acknowledged; a source is on.

    The session that ends is another one: the token of this one is needed still.
    """
    if operation.id == "end_session":
        credentials = {"email": tenant.ask("/users/me")["email"], "password": PASSWORD}
        tenant.client.post("/api/v1/auth/login", json=credentials).raise_for_status()
        tenant.ids["session_id"] = tenant.ask("/users/me/sessions")["items"][0]["id"]
    if operation.id == "run_source":
        source = f"/machines/{tenant.ids['machine_id']}/sources/{tenant.ids['source_id']}"
        tenant.send("PATCH", source, json={"is_active": True})
    needed = {"restore_analysis": "archived", "acknowledge_anomaly": "completed"}.get(operation.id)
    if needed is not None:
        path = f"/analyses/{tenant.ids['analysis_id']}"
        eventually(
            lambda: tenant.ask(path)["status"] == needed, seconds=60, what=f"an analysis that is {needed}"
        )


def _sign_in_and_out(person: Tenant) -> Mapping[str, str]:
    """The tokens of a session after one that has ended."""
    credentials = {"email": person.ask("/users/me")["email"], "password": PASSWORD}
    agent = {"User-Agent": "trail/login"}
    response = person.client.post("/api/v1/auth/login", json=credentials, headers=agent)
    body = {"refresh_token": response.json()["refresh_token"]}
    ended = person.client.post("/api/v1/auth/logout", json=body, headers={"User-Agent": "trail/logout"})
    assert ended.status_code == 204
    tokens: dict[str, str] = person.client.post("/api/v1/auth/login", json=credentials).json()
    return tokens


def _records(operation: Operation) -> bool:
    """What administrators of the installation do is recorded, too: tests of auth look."""
    if operation.is_administration:
        return False
    return operation.writes and operation.secured and operation.id not in NOT_RECORDED


def _order(operation: Operation) -> tuple[bool, int, int, str]:
    """What is made comes before what is deleted; an alert first goes through its life."""
    place = LIFE.index(operation.id) if operation.id in LIFE else len(LIFE)
    deletes = operation.method == "DELETE"
    # A part before its whole; silences and much else go with their machine.
    whole = 1 if operation.id == "delete_machine" else -len(operation.path_names)
    return deletes, whole if deletes else 0, place, operation.path
