"""Mailboxes of contact points: nothing is sent to them before whoever reads them has agreed."""

import re
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from services.alerting.confirmations.domain import (
    LIFETIME,
    MAX_MAILS_PER_WINDOW,
    MIN_PAUSE,
    WINDOW,
    ConfirmationNotValid,
    NothingToConfirm,
    Token,
    TooManyConfirmations,
)
from services.alerting.confirmations.service import ConfirmationService
from services.alerting.contact_points.documents import ContactTarget, EmailTarget, RoleTarget
from services.alerting.contact_points.domain import ContactPoint
from services.alerting.contact_points.sealing import ContactSealer
from services.alerting.contact_points.service import ContactPointService
from services.alerting.contact_points.testing import ContactTester, NobodyToTest
from services.alerting.deliveries.chat import ChatSender
from services.alerting.deliveries.domain import DeliveryStatus
from services.alerting.deliveries.escalation import Step
from services.alerting.mail_links import encoded
from services.alerting.replicas.domain import MemberRef
from services.alerting.replicas.service import ReplicaService
from services.alerting.resources.domain import Resource
from services.alerting.resources.service import ResourceService
from shared.access import Caller
from shared.audit import Auditor
from shared.events.auth import AUDIT_RECORDED
from shared.mail.domain import Delivery as Sent
from tests.support.fakes import caller
from tests.unit.alerting.people.plant import Plant

SHIFT = "shift@example.org"


class Desk:
    """An administrator who sets up contact points."""

    def __init__(self, plant: Plant) -> None:
        self.plant = plant
        auditor, ids = Auditor(plant.clock), iter(range(1, 1000))
        resources = ResourceService(plant.clock, lambda: UUID(int=next(ids)), auditor, ReplicaService())
        sealer = ContactSealer(plant.encryptor)
        self.confirmations = ConfirmationService(
            plant.units, plant.clock, lambda: UUID(int=next(ids)), auditor, sealer, self.random_bytes
        )
        chat = ChatSender(allow_hosted=False)
        self.points = ContactPointService(resources, sealer, chat, self.confirmations)
        self.tester = ContactTester(resources, plant.courier)
        self.names = iter(range(250))

    def random_bytes(self, count: int) -> bytes:
        return bytes([next(self.names)]) * count

    @property
    def caller(self) -> Caller:
        world = self.plant.world
        return replace(caller(world.organization_id), user_id=world.user_id)

    async def add(self, target: ContactTarget | None = None, name: str = "") -> Resource:
        values = {
            "name": name or f"point-{next(self.names)}",
            "target": target or EmailTarget(kind="email", address=SHIFT),
            "is_active": True,
        }
        async with self.plant.units(self.plant.world.scope) as unit:
            return await self.points.create(unit, self.caller, values)

    async def move(self, resource: Resource, address: str) -> None:
        async with self.plant.units(self.plant.world.scope) as unit:
            target = EmailTarget(kind="email", address=address)
            await self.points.change(unit, self.caller, resource.id, {"target": target})

    async def ask_again(self, resource: Resource) -> None:
        async with self.plant.units(self.plant.world.scope) as unit:
            await self.points.ask_again(unit, self.caller, resource.id)

    async def point(self, resource: Resource) -> ContactPoint:
        async with self.plant.units(self.plant.world.scope) as unit:
            return ContactPoint.load((await self.points.get(unit, resource.id)).document)

    def token(self) -> str:
        """That of the newest mail."""
        found = re.search(
            r"https://dinsight\.example/api/v1/contact-confirmations#token=(\S+)", self.mails[-1]
        )
        assert found is not None
        return found[1]

    @property
    def mails(self) -> list[str]:
        return [mail.text for mail in self.plant.mail.sent if mail.recipient == SHIFT]


async def test_an_unconfirmed_mailbox_gets_one_mail_and_no_alert() -> None:
    plant = await Plant(Step(to=("contact:shift",))).built()
    desk = Desk(plant)
    point = await desk.add(name="shift")
    await plant.raised()
    assert await plant.pass_time(120) == ["shift: Confirm this mailbox for DInsight alerts"]
    [delivery] = plant.units.memory.deliveries.values()
    assert (delivery.status, str(delivery.error)) == (
        DeliveryStatus.CANCELLED,
        "whoever reads the mailbox has not confirmed it yet",
    )
    async with plant.units(plant.world.scope) as unit:
        with pytest.raises(NobodyToTest, match="not confirmed"):
            await desk.tester.route(unit, desk.caller, point.id)


async def test_a_confirmed_mailbox_gets_alerts() -> None:
    plant = await Plant(Step(to=("contact:shift",))).built()
    desk = Desk(plant)
    point = await desk.add(name="shift")
    await plant.pass_time()
    token = desk.token()
    for _ in range(2):
        await desk.confirmations.confirm(token)
    assert (await desk.point(point)).is_confirmed
    actions = [entry.action for entry in plant.units.outbox.payloads(AUDIT_RECORDED)]
    assert actions.count("contact_point.confirmed") == 1
    await plant.raised()
    assert [line.partition(":")[0] for line in await plant.pass_time()] == ["shift"]
    with pytest.raises(NothingToConfirm):
        await desk.ask_again(point)


async def test_a_new_address_is_confirmed_anew_and_the_same_one_is_not() -> None:
    desk = Desk(await Plant().built())
    point = await desk.add()
    await desk.plant.pass_time()
    await desk.confirmations.confirm(desk.token())
    await desk.move(point, SHIFT)
    assert (await desk.point(point)).is_confirmed
    old = desk.token()
    await desk.move(point, "stranger@example.org")
    assert not (await desk.point(point)).is_confirmed
    await desk.move(point, SHIFT)
    with pytest.raises(ConfirmationNotValid):
        await desk.confirmations.confirm(old)


async def test_a_link_works_for_a_week_in_its_place_and_cannot_be_guessed() -> None:
    desk = Desk(await Plant().built())
    point, other = await desk.add(), await desk.add()
    await desk.plant.pass_time()
    token = Token.parse(desk.token())
    assert token is not None
    world = desk.plant.world
    assert token.contact_point_id in (point.id, other.id)
    guesses = [
        encoded(Token(world.organization_id, point.id, b"x" * 24).raw),
        encoded(Token(UUID(int=5), token.contact_point_id, token.secret).raw),
        encoded(Token(world.organization_id, UUID(int=5), token.secret).raw),
        "not a token",
        "",
    ]
    for guess in guesses:
        with pytest.raises(ConfirmationNotValid):
            await desk.confirmations.confirm(guess)
    desk.plant.clock.time += LIFETIME + timedelta(seconds=1)
    with pytest.raises(ConfirmationNotValid):
        await desk.confirmations.confirm(encoded(token.raw))
    await desk.ask_again(point)
    await desk.ask_again(other)
    await desk.confirmations.confirm(encoded(token.raw))


async def test_mails_are_few_whatever_an_administrator_does() -> None:
    desk = Desk(await Plant().built())
    point = await desk.add()
    with pytest.raises(TooManyConfirmations) as refused:
        await desk.ask_again(point)
    assert refused.value.headers == {"Retry-After": "3600"}
    desk.plant.clock.time += MIN_PAUSE
    await desk.ask_again(point)
    for _ in range(MAX_MAILS_PER_WINDOW - 2):
        await desk.add()
    with pytest.raises(TooManyConfirmations):
        await desk.add()
    with pytest.raises(TooManyConfirmations):
        await desk.move(point, "stranger@example.org")
    await desk.add(RoleTarget(kind="role", role="admin"))
    desk.plant.clock.time += WINDOW
    await desk.add()
    await desk.plant.pass_time()
    assert len(desk.mails) == MAX_MAILS_PER_WINDOW + 1


async def test_a_mail_that_fails_is_tried_again_and_names_are_quoted() -> None:
    desk = Desk(await Plant().built())
    desk.plant.mail.answers = [Sent("451 later")]
    world, name = desk.plant.world, "Visit https://evil.example/now\nBcc: all"
    member = MemberRef(world.organization_id, world.user_id, "e@example.org", name, "owner", True, False, 2)
    async with desk.plant.units(world.scope) as unit:
        await unit.replicas.merge_member(member)
    await desk.add()
    assert await desk.plant.pass_time(1) == ["shift: Confirm this mailbox for DInsight alerts"]
    [text] = desk.mails
    assert "\u201cVisit https evil example now Bcc: all\u201d" in " ".join(text.split())
    assert [word for word in text.split() if "://" in word] == [
        f"https://dinsight.example/api/v1/contact-confirmations#token={desk.token()}"
    ]


async def test_what_was_made_before_there_were_confirmations_needs_none() -> None:
    stored = ContactPoint.load({"kind": "email", "shown": "s...@example.org", "is_active": True})
    assert stored.is_confirmed
