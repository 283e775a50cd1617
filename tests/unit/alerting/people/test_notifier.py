"""Who is told of an alert: steps, repeats, groups, opt-outs, notices to administrators and links."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from services.alerting.acknowledgements.service import LinkNotValid
from services.alerting.alerts.domain import Change
from services.alerting.contact_points.domain import ContactKind, ContactPoint
from services.alerting.contact_points.sealing import ContactSealer
from services.alerting.deliveries.domain import (
    DeliveryStatus,
    Outcome,
)
from services.alerting.deliveries.escalation import Step
from services.alerting.reasons import Reason, gone
from services.alerting.resources.domain import Kind
from services.alerting.rules.domain import Grouping, Webhook
from shared.crypto import Encryptor
from tests.unit.alerting.database.repository_suite import make_machine, make_rule
from tests.unit.alerting.examples import SECRET
from tests.unit.alerting.people.plant import ADMINS, CMMS, HOOK, MINUTE, OPERATORS, Plant


async def test_a_step_waits_repeats_and_stops_when_somebody_acknowledges() -> None:
    plant = await Plant(OPERATORS, ADMINS).built()
    alert = await plant.raised()
    [first] = await plant.pass_time()
    assert first == "olga: [MEDIUM] \u201cPump 7\u201d: \u201cLeaves normal\u201d (New alert)"
    assert [line.split(":")[0] for line in await plant.pass_time(15)] == ["anna"]
    [reminder] = await plant.pass_time(45)
    assert reminder.endswith("(Reminder: still open)")
    await plant.change(plant.now_of(alert).acknowledged(None, None, plant.clock.now()), Change.ACKNOWLEDGED)
    assert await plant.pass_time(120) == []
    await plant.change(plant.now_of(alert).unacknowledged(plant.clock.now()), Change.UNACKNOWLEDGED)
    assert [line.split(":")[0] for line in await plant.pass_time(1)] == ["olga"]
    await plant.resolve(alert)
    assert sorted(line.split(":")[0] for line in await plant.pass_time()) == ["anna", "olga"]
    assert await plant.pass_time(200) == []


async def test_a_message_leads_to_the_page_of_its_alert() -> None:
    plant = await Plant(OPERATORS).built()
    alert = await plant.raised()
    await plant.pass_time()
    [mail] = plant.mail.sent
    assert f"https://dinsight.example/o/{alert.organization_id}/alerts/{alert.id}" in mail.text


async def test_an_acknowledged_alert_is_not_escalated_and_its_resolve_bothers_nobody_else() -> None:
    plant = await Plant(OPERATORS, ADMINS).built()
    alert = await plant.raised()
    await plant.pass_time(5)
    await plant.change(plant.now_of(alert).acknowledged(None, None, plant.clock.now()), Change.ACKNOWLEDGED)
    assert await plant.pass_time(30) == []
    await plant.resolve(alert)
    assert [line.split(":")[0] for line in await plant.pass_time()] == ["olga"]


async def test_mail_about_several_machines_with_one_cause_is_one_message() -> None:
    plant = await Plant(OPERATORS, group=Grouping(("cause",), 2 * MINUTE)).built()
    second = make_machine(plant.world.organization_id, name="Pump 8")
    rule = make_rule(second, plant.world.user_id, name="Pump 8 too")
    rule = replace(rule, actions=plant.rule.actions)
    async with plant.units(plant.world.scope) as unit:
        await unit.replicas.merge_machine(second)
        await unit.rules.add(rule)
    await plant.raised()
    await plant.raised(rule)
    assert await plant.pass_time(1) == []
    [told] = await plant.pass_time(2)
    assert "2 alerts" in told
    assert sorted(plant.statuses()) == [DeliveryStatus.DELIVERED, DeliveryStatus.GROUPED]


async def test_whoever_opted_out_is_not_told_because_of_a_role_but_by_name() -> None:
    plant = await Plant(Step(to=("role:viewer",)), Step(after=MINUTE, to=("rotation:on-call",))).built()
    vera = await plant.member("vera", "viewer")
    await plant.resource(Kind.OPT_OUT, "vera", {"rule_ids": [], "below": "high"}, by=vera.user_id)
    rotation = {
        "members": [str(vera.user_id)],
        "starts": "2026-01-01T00:00:00",
        "shift_seconds": 86400,
        "time_zone": "UTC",
    }
    await plant.resource(Kind.ROTATION, "on-call", rotation)
    await plant.raised()
    assert await plant.pass_time() == []
    assert [line.split(":")[0] for line in await plant.pass_time(2)] == ["vera"]


async def test_a_role_that_nobody_has_falls_to_the_next_higher_one() -> None:
    plant = Plant(OPERATORS)
    await plant.world.store()
    await plant.member("anna", "admin")
    await plant.raised()
    assert [line.split(":")[0] for line in await plant.pass_time()] == ["anna"]


async def test_a_step_that_reaches_nobody_says_so_in_the_ledger() -> None:
    plant = await Plant(Step(to=("rotation:gone",))).built()
    await plant.raised()
    assert await plant.pass_time() == []
    [noted] = plant.units.memory.deliveries.values()
    assert noted.status is DeliveryStatus.CANCELLED
    assert getattr(noted.error, "code", None) == "nobody"


OTHER_KEYS = "other:" + "A" * 43 + "="
FAILED = Outcome(DeliveryStatus.FAILED, 503, 1.0, Reason("the receiver responded with 503"))


async def test_a_receiver_that_was_down_hears_how_the_alert_stands_and_nothing_older() -> None:
    plant = await Plant(CMMS).built()
    plant.sender.outcomes = [FAILED]
    alert = await plant.raised()
    assert await plant.pass_time() == [f"{HOOK}: alert.raised"]
    await plant.resolve(alert)
    assert await plant.pass_time(5) == [f"{HOOK}: alert.resolved"]
    assert sorted(plant.statuses()) == sorted(
        [DeliveryStatus.FAILED, DeliveryStatus.SUPERSEDED, DeliveryStatus.DELIVERED]
    )


async def test_administrators_hear_of_a_message_that_is_given_up_once_an_hour() -> None:
    plant = await Plant(CMMS).built()
    gone = replace(FAILED, response_status=410, permanent=True, gone=True)
    plant.sender.outcomes = [gone]
    await plant.raised()
    told = await plant.pass_time()
    notice = "[MEDIUM] \u201cPump 7\u201d: \u201cLeaves normal\u201d (A message was not delivered)"
    assert sorted(told[:2]) == [f"anna: {notice}", f"e: {notice}"], "the admin and the owner"
    await plant.change(next(iter(plant.units.memory.alerts.values())), Change.SEVERITY_CHANGED)
    assert await plant.pass_time() == [], "a receiver that is gone gets nothing more"


async def test_administrators_hear_of_a_message_that_cannot_be_attempted() -> None:
    """As after a restore without the key of webhooks' secrets."""
    plant = await Plant(CMMS).built()
    alert = await plant.raised()
    webhooks = {"cmms": Webhook(HOOK, Encryptor(OTHER_KEYS).encrypt(SECRET, purpose="lost"))}
    rule = replace(plant.rule, actions=replace(plant.rule.actions, webhooks=webhooks))
    plant.units.memory.rules[alert.alert_rule_id] = rule
    told = await plant.pass_time()
    assert DeliveryStatus.GIVEN_UP in plant.statuses()
    assert sorted(each.split(":")[0] for each in told) == ["anna", "e"], "the admin and the owner"


async def test_a_contact_point_that_is_gone_is_switched_off() -> None:
    plant = await Plant(Step(to=("contact:cmms",))).built()
    resource_id = uuid4()
    sealed = ContactSealer(plant.encryptor).seal(
        resource_id, {"url": HOOK, "secret0": SECRET, "secret1": SECRET[:-4] + "AAAA"}
    )
    point = ContactPoint(ContactKind.WEBHOOK, "https://example.org", secrets=2, sealed=sealed)
    made = await plant.resource(Kind.CONTACT_POINT, "cmms", point.stored())
    memory = plant.units.memory.resources
    memory[resource_id] = replace(memory.pop(made.id), id=resource_id)
    plant.sender.outcomes = [replace(FAILED, permanent=True, gone=True, error=gone("410"))]
    await plant.raised()
    await plant.pass_time()
    after = ContactPoint.load(memory[resource_id].document)
    assert (after.is_active, after.disabled_reason) == (False, "410")


async def test_a_link_in_a_mail_acknowledges_once_without_a_sign_in() -> None:
    plant = await Plant(OPERATORS).built()
    alert = await plant.raised()
    await plant.pass_time()
    [mail] = plant.mail.sent
    token = mail.text.split("#token=")[1].split()[0]
    assert mail.html is not None
    assert token in mail.html
    service = plant.links
    for _ in range(2):
        shown, _ = await service.preview(token)
        assert shown.acknowledged_at is None, "looking changes nothing"
    await service.acknowledge(token, "On my way")
    assert (plant.now_of(alert).acknowledge_note or "").startswith("On my way (by the link sent to o...@")
    for use in (service.preview(token), service.acknowledge(token, None), service.preview(token[:-2] + "xx")):
        with pytest.raises(LinkNotValid):
            await use


@pytest.mark.parametrize(
    ("is_active", "deleted"), [(True, True), (False, False)], ids=["removed", "suspended"]
)
async def test_a_link_ends_with_the_access_of_its_member(is_active: bool, deleted: bool) -> None:
    plant = await Plant(OPERATORS).built()
    await plant.raised()
    await plant.pass_time()
    token = plant.mail.sent[0].text.split("#token=")[1].split()[0]
    service = plant.links
    await service.preview(token)
    members = plant.units.memory.members
    members |= {
        place: replace(member, is_active=is_active, deleted=deleted) for place, member in members.items()
    }
    for use in (service.preview(token), service.acknowledge(token, None)):
        with pytest.raises(LinkNotValid):
            await use


async def test_a_link_ends_with_its_alert_and_with_its_time() -> None:
    plant = await Plant(OPERATORS).built()
    service = plant.links
    alert = await plant.raised()
    await plant.pass_time()
    token = plant.mail.sent[0].text.split("#token=")[1].split()[0]
    plant.clock.time += timedelta(days=3)
    with pytest.raises(LinkNotValid):
        await service.preview(token)
    plant.clock.time -= timedelta(days=3)
    await service.preview(token)
    await plant.resolve(alert)
    with pytest.raises(LinkNotValid):
        await service.preview(token)
