"""Webhooks to a real receiver: signed, retried, not redirected, not to private addresses by default."""

import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from standardwebhooks import Webhook
from yarl import URL

from services.alerting.deliveries.domain import DeliveryStatus
from services.alerting.deliveries.webhooks import REFUSED, WebhookSender
from shared.clock import SystemClock
from shared.events.analysis import ANOMALY_DETECTED
from tests.integration.alerting.conftest import FakeMachines
from tests.integration.alerting.publishing import Publisher
from tests.support.tokens import TokenIssuer
from tests.support.waiting import eventually
from tests.unit.alerting.examples import SECRET, actions, anomaly, condition, leaf

MESSAGE = {"type": "alert.raised", "data": {}}


@dataclass
class Receiver:
    """Responds with the given statuses in order, then with 204, and records requests."""

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    came: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        self.came.append(({k.lower(): v for k, v in request.headers.items()}, await request.read()))
        status = self.statuses.pop(0) if self.statuses else 204
        headers = {"Location": self.url} if status in (302, 307) else {}
        return web.Response(status=status, headers=headers)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    made = Receiver()
    app = web.Application()
    app.router.add_post("/hook", made.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield made
    await runner.cleanup()


async def raise_alert(
    api: httpx2.AsyncClient,
    headers: dict[str, str],
    publisher: Publisher,
    machines: FakeMachines,
    organization: UUID,
    url: str,
) -> tuple[str, UUID]:
    """Create a rule with a webhook, and an anomaly; returns the path of the alert, and its machine."""
    machine_id = machines.add(organization)
    severity = [{"level": "critical", "when": leaf(3)}]
    body = {
        "machine_id": str(machine_id),
        "name": "Leaves normal",
        "condition": condition(severity=severity),
        "severity": "medium",
        "actions": actions(url=url),
    }
    made = await api.post("/api/v1/alert-rules", json=body, headers=headers)
    assert made.status_code == 201, made.text
    await publisher.publish(ANOMALY_DETECTED, anomaly(machine_id), organization)

    async def there() -> str:
        answer = await api.get("/api/v1/alerts", params={"machine_id": str(machine_id)}, headers=headers)
        items = answer.json()["items"]
        return f"/api/v1/alerts/{items[0]['id']}" if items else ""

    return await eventually(there, what="the alert"), machine_id


async def finished(
    api: httpx2.AsyncClient, headers: dict[str, str], place: str, count: int
) -> list[dict[str, Any]]:
    async def done() -> list[dict[str, Any]]:
        deliveries: list[dict[str, Any]] = (await api.get(place, headers=headers)).json()["deliveries"]
        # That a message was given up is told by another, of which there may be nobody to tell.
        sent = [delivery for delivery in deliveries if delivery["channel"].startswith("webhook:")]
        over = [delivery for delivery in sent if delivery["status"] != "pending"]
        return over if len(over) == count == len(sent) else []

    return await eventually(done, what=f"{count} finished attempts")


async def test_each_change_is_delivered_with_a_signature(
    api: httpx2.AsyncClient,
    tokens: TokenIssuer,
    organization: UUID,
    publisher: Publisher,
    machines: FakeMachines,
    receiver: Receiver,
) -> None:
    headers = tokens.headers(organization)
    place, machine_id = await raise_alert(api, headers, publisher, machines, organization, receiver.url)
    await publisher.publish(ANOMALY_DETECTED, anomaly(machine_id, 2.5), organization)
    await publisher.publish(ANOMALY_DETECTED, anomaly(machine_id, 4), organization)
    await finished(api, headers, place, 2)
    await api.post(f"{place}/resolve", json={"note": "fixed"}, headers=headers)
    attempts = await finished(api, headers, place, 3)
    assert [a["change"] for a in attempts] == ["raised", "severity_changed", "resolved"]
    assert {(a["status"], a["response_status"], a["attempt"]) for a in attempts} == {("delivered", 204, 1)}
    assert all(a["latency_ms"] > 0 and a["target"] == receiver.url.removesuffix("/hook") for a in attempts)
    bodies = {}
    for came, body in receiver.came:
        verified = Webhook(SECRET).verify(body, came)
        bodies[verified["type"]] = verified
    assert set(bodies) == {"alert.raised", "alert.severity_changed", "alert.resolved"}
    resolved = bodies["alert.resolved"]["data"]
    assert resolved["alert_id"] == place.rpartition("/")[2]
    assert (resolved["note"], resolved["count"], resolved["severity"]) == ("fixed", 3, "critical")
    assert SECRET not in (await api.get(place, headers=headers)).text


async def test_a_failed_delivery_is_retried_under_the_same_id(
    api: httpx2.AsyncClient,
    tokens: TokenIssuer,
    organization: UUID,
    publisher: Publisher,
    machines: FakeMachines,
    receiver: Receiver,
) -> None:
    receiver.statuses = [503, 307]
    headers = tokens.headers(organization)
    place, _ = await raise_alert(api, headers, publisher, machines, organization, receiver.url)
    attempts = await finished(api, headers, place, 3)
    assert [(a["attempt"], a["status"], a["response_status"]) for a in attempts] == [
        (1, "failed", 503),
        (2, "failed", 307),
        (3, "delivered", 204),
    ]
    assert "redirect (307), which is not followed" in attempts[1]["error"]
    assert len(receiver.came) == 3, "the redirect was not followed"
    assert len({came["webhook-id"] for came, _ in receiver.came}) == 1
    for came, body in receiver.came:
        Webhook(SECRET).verify(body, came)


async def test_an_unreachable_receiver_is_given_up(
    api: httpx2.AsyncClient,
    tokens: TokenIssuer,
    organization: UUID,
    publisher: Publisher,
    machines: FakeMachines,
) -> None:
    with socket.socket() as reserved:
        # Bound but not listening: connections are refused, and nobody else takes the port.
        reserved.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{reserved.getsockname()[1]}/hook"
        headers = tokens.headers(organization)
        place, _ = await raise_alert(api, headers, publisher, machines, organization, url)
        attempts = await finished(api, headers, place, 3)
    assert [a["status"] for a in attempts] == ["failed", "failed", "given_up"]
    assert {a["response_status"] for a in attempts} == {None}
    assert "could not connect to the receiver" in attempts[0]["error"]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "[::]"])
async def test_private_addresses_are_refused_unless_allowed(receiver: Receiver, host: str) -> None:
    url = receiver.url.replace("127.0.0.1", host)
    guarded = WebhookSender(SystemClock(), allow_private=False, timeout_seconds=60)
    async with guarded.open():
        outcome = await guarded.send(url, (SECRET,), uuid4(), MESSAGE)
    assert (outcome.status, outcome.permanent, str(outcome.error)) == (DeliveryStatus.FAILED, True, REFUSED)
    assert receiver.came == []


@pytest.mark.parametrize(
    "host", ["2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "127.1", "0", "0.0.0.0"]
)
async def test_other_notations_of_loopback_are_refused(receiver: Receiver, host: str) -> None:
    sender = WebhookSender(SystemClock(), allow_private=False, timeout_seconds=60)
    async with sender.open():
        outcome = await sender.send(receiver.url.replace("127.0.0.1", host), (SECRET,), uuid4(), MESSAGE)
    assert (outcome.status, outcome.permanent, receiver.came) == (DeliveryStatus.FAILED, True, [])


class Names(AbstractResolver):
    """Resolves to one address after the other, as in DNS rebinding."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = list(addresses)
        self.asked = 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked += 1
        address = self.addresses.pop(0)
        kind = socket.AF_INET6 if ":" in address else socket.AF_INET
        return [ResolveResult(hostname=host, host=address, port=port, family=kind, proto=0, flags=0)]

    async def close(self) -> None:
        return None


async def test_dns_rebinding_is_refused_when_connecting(receiver: Receiver) -> None:
    port = URL(receiver.url).port
    names = Names("10.0.0.1", "127.0.0.1", "::ffff:127.0.0.1", "::127.0.0.1")
    sender = WebhookSender(SystemClock(), allow_private=False, timeout_seconds=60, resolver=names)
    async with sender.open():
        for asked in range(1, 5):
            outcome = await sender.send(f"http://moving.example:{port}/hook", (SECRET,), uuid4(), MESSAGE)
            assert (outcome.status, str(outcome.error)) == (DeliveryStatus.FAILED, REFUSED)
            # Names are not cached, and the checked address is the one to connect to.
            assert names.asked == asked
    assert receiver.came == []


async def test_private_addresses_are_reached_when_allowed(receiver: Receiver) -> None:
    open_to_all = WebhookSender(SystemClock(), allow_private=True, timeout_seconds=60)
    async with open_to_all.open():
        outcome = await open_to_all.send(receiver.url, (SECRET,), uuid4(), MESSAGE)
    assert outcome.status is DeliveryStatus.DELIVERED
    assert len(receiver.came) == 1


async def test_a_hanging_receiver_times_out(unanswered: str) -> None:
    hurried = WebhookSender(SystemClock(), allow_private=True, timeout_seconds=0.2)
    async with hurried.open():
        outcome = await hurried.send(unanswered, (SECRET,), uuid4(), MESSAGE)
    assert (outcome.status, outcome.permanent) == (DeliveryStatus.FAILED, False)
    assert str(outcome.error) == "the receiver did not respond in time"


@pytest.fixture
def unanswered() -> Any:
    """A port that accepts connections and never responds."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/hook"
