"""The suite that the repositories of how alerts reach people pass: the fakes and those on PostgreSQL."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

from services.alerting.acknowledgements.domain import LIFETIME, Link
from services.alerting.alerts.changes import AlertChange
from services.alerting.alerts.domain import Alert, Change
from services.alerting.database.people.interfaces import OpenAlert
from services.alerting.deliveries.domain import (
    Delivery,
    DeliveryFilter,
    DeliveryStatus,
    Outcome,
    TargetState,
    Told,
    lane_of,
)
from services.alerting.deliveries.escalation import Step
from services.alerting.reasons import Reason
from services.alerting.resources.domain import Kind, Resource, ResourceFilter
from shared.access import Scope
from shared.http.pages import PageRequest
from tests.unit.alerting.database.repository_suite import (
    FIRST_PAGE,
    NOW,
    Units,
    World,
    make_delivery,
)

HOUR = timedelta(hours=1)


def make_resource(world: World, kind: Kind, name: str, **fields: Any) -> Resource:
    made = Resource(uuid4(), world.organization_id, kind, name, {"a": [1]}, None, world.user_id, NOW, NOW, 1)
    return replace(made, **fields)


def laned(alert: Alert, key: str, **fields: Any) -> Delivery:
    return make_delivery(alert, target_key=key, lane_id=lane_of(alert.id, key), **fields)


class PeopleSuite:
    """Subclasses provide the fixture `units`."""

    async def test_a_resource_is_stored_changed_listed_and_deleted(self, units: Units) -> None:
        world = await World(units).store()
        silence = make_resource(world, Kind.SILENCE, "s", ends_at=NOW + HOUR)
        window = make_resource(world, Kind.MAINTENANCE_WINDOW, "w", created_at=NOW + HOUR)
        async with units(world.scope) as unit:
            assert [await unit.resources.add(each) for each in (silence, window)] == [True, True]
            assert await unit.resources.get(Kind.SILENCE, silence.id) == silence
            assert await unit.resources.get(Kind.ROTATION, silence.id) is None
            kinds = [Kind.SILENCE, Kind.MAINTENANCE_WINDOW]
            assert await unit.resources.current(kinds, NOW) == [silence, window]
            assert await unit.resources.current(kinds, NOW + HOUR) == [window]
            ended = ResourceFilter(Kind.SILENCE, ends_after=NOW + HOUR)
            assert (await unit.resources.list(ended, FIRST_PAGE)).items == []
            mine = ResourceFilter(Kind.SILENCE, created_by=world.user_id)
            assert (await unit.resources.list(mine, FIRST_PAGE)).items == [silence]
            others = ResourceFilter(Kind.SILENCE, created_by=uuid4())
            assert (await unit.resources.list(others, FIRST_PAGE)).items == []
            changed = silence.changed(NOW + HOUR, name="t", document={"b": 2}, ends_at=None)
            assert await unit.resources.update(changed)
            assert await unit.resources.lock(Kind.SILENCE, silence.id) == changed
            assert await unit.resources.count(Kind.SILENCE, NOW) == 1
            await unit.resources.update(changed.changed(NOW + HOUR, ends_at=NOW + HOUR))
            assert await unit.resources.count(Kind.SILENCE, NOW) == 1
            assert await unit.resources.count(Kind.SILENCE, NOW + HOUR) == 0, "it has ended"
            await unit.resources.delete(silence.id)
            assert await unit.resources.count(Kind.SILENCE, NOW) == 0
        async with units(Scope(organization_id=uuid4())) as unit:
            assert await unit.resources.get(Kind.MAINTENANCE_WINDOW, window.id) is None
            assert await unit.resources.current([Kind.MAINTENANCE_WINDOW], NOW) == []

    async def test_a_handle_is_unique_among_its_kind_and_known_to_rules(self, units: Units) -> None:
        world = World(units)
        steps = (Step(), Step(to=("contact:plant", "role:admin")))
        world.rule = replace(world.rule, actions=replace(world.rule.actions, steps=steps))
        await world.store()
        async with units(world.scope) as unit:
            assert await unit.resources.add(make_resource(world, Kind.CONTACT_POINT, "plant"))
            assert not await unit.resources.add(make_resource(world, Kind.CONTACT_POINT, "plant"))
            assert await unit.resources.add(make_resource(world, Kind.ROTATION, "plant"))
            assert await unit.resources.add(make_resource(world, Kind.SILENCE, "plant"))
            assert await unit.resources.add(make_resource(world, Kind.SILENCE, "plant"))
            other = make_resource(world, Kind.CONTACT_POINT, "office")
            assert await unit.resources.add(other)
            assert not await unit.resources.update(other.changed(NOW, name="plant"))
            assert await unit.resources.update(other.changed(NOW, name="workshop"))
            assert await unit.resources.first_that_names("contact:plant") == ("alert rule", world.rule.name)
            assert await unit.resources.first_that_names("rotation:plant") is None
            on_call = {"kind": "rotation", "who": "plant"}
            assert await unit.resources.add(
                make_resource(world, Kind.CONTACT_POINT, "night", document=on_call)
            )
            assert await unit.resources.first_that_names("rotation:plant") == ("contact point", "night")

    async def test_what_was_told_since_an_alert_opened(self, units: Units) -> None:
        world = await World(units).store()
        alert = await world.alert()
        told = [
            laned(alert, "user:1", channel="email", step=0),
            laned(alert, "user:1", channel="email", step=0, created_at=NOW + HOUR),
            laned(alert, "user:2", step=1, status=DeliveryStatus.SUPPRESSED),
            laned(alert, "user:3", step=1, status=DeliveryStatus.CANCELLED),
            laned(alert, "user:4", step=1, change="given_up"),
            laned(alert, "user:5", step=1, created_at=NOW - HOUR),
        ]
        async with units(world.scope) as unit:
            assert await unit.ledger.opened(alert.id) is None
            await unit.alerts.record(AlertChange(alert, Change.RAISED, NOW))
            await unit.alerts.record(AlertChange(replace(alert, version=2), Change.COMMENTED, NOW + HOUR))
            assert await unit.ledger.opened(alert.id) == (NOW, "raised")
            for delivery in told:
                await unit.deliveries.add(delivery)
            found = sorted(await unit.ledger.told(alert.id, NOW), key=lambda each: each.target_key)
            shown = told[0].target
            assert found == [
                Told("user:1", "email", shown, 0, NOW + HOUR, False),
                Told("user:2", "webhook:cmms", shown, 1, NOW, True),
            ]
            assert await unit.ledger.open_and_suppressed() == [alert.id]
            assert await unit.ledger.open_beside(alert.machine_id) == [
                OpenAlert(alert.id, alert.alert_rule_id, alert.severity)
            ]
            assert await unit.ledger.actions(world.rule.id) == world.rule.actions

    async def test_a_lane_has_its_newest_message_first_and_a_group_its_members(self, units: Units) -> None:
        world = await World(units).store()
        alert = await world.alert()
        old = laned(alert, "user:1")
        new = laned(alert, "user:1", created_at=NOW + HOUR, group_key="g")
        member = laned(alert, "user:2", group_key="g")
        stranger = laned(alert, "user:3", group_key="h")
        async with units(world.scope) as unit:
            for delivery in (old, new, member, stranger):
                await unit.deliveries.add(delivery)
            assert await unit.deliveries.pending(old.lane) == [new, old]
            assert await unit.deliveries.take_group(new, NOW, 10)
            [taken] = await unit.deliveries.grouped_into(new.message_id)
            assert (taken.id, taken.status) == (member.id, DeliveryStatus.GROUPED)
            assert not await unit.deliveries.take_group(member, NOW, 10), "it is on its way with the other"
            later = laned(alert, "user:4", group_key="g")
            await unit.deliveries.add(later)
            assert await unit.deliveries.take_group(later, NOW, 10)
            assert await unit.deliveries.grouped_into(later.message_id) == [], "nor is one that is being sent"
            assert await unit.deliveries.take_group(new, NOW, 10), "after a crash it is sent again"
            assert await unit.deliveries.grouped_into(new.message_id) == [taken]
            await unit.deliveries.regroup(new.message_id, old.message_id)
            assert await unit.deliveries.grouped_into(new.message_id) == []
            why = Reason("silence 'x'", "silence", {"name": "x"})
            await unit.deliveries.finish(new, Outcome(DeliveryStatus.GIVEN_UP, error=why), NOW)
            given_up = DeliveryFilter(DeliveryStatus.GIVEN_UP)
            [found] = (await unit.deliveries.list(given_up, PageRequest())).items
            assert (found.id, found.error) == (new.id, why)
            assert await unit.deliveries.get(found.id) == found
        async with units(Scope(organization_id=uuid4())) as unit:
            assert await unit.deliveries.get(new.id) is None
            assert (await unit.deliveries.list(DeliveryFilter(), PageRequest())).items == []

    async def test_mails_that_ask_for_confirmation_are_counted_in_windows(self, units: Units) -> None:
        world = await World(units).store()
        first, second = NOW + timedelta(days=1), NOW + timedelta(days=2)
        for now, until, expected in (
            (NOW, first, (1, first)),
            (NOW + timedelta(hours=1), second, (2, first)),
            (first, second, (1, second)),
        ):
            async with units(world.scope) as unit:
                assert await unit.ledger.count_confirmation(world.organization_id, now, until) == expected

    async def test_the_state_of_a_target_is_kept_until_its_address_changes(self, units: Units) -> None:
        world = await World(units).store()
        state = TargetState(world.organization_id, "rule:1/cmms", 3, NOW, "gone", NOW)
        other = replace(state, target_key="rule:10/cmms", failures=1)
        async with units(world.scope) as unit:
            assert await unit.ledger.target(world.organization_id, "rule:1/cmms") == TargetState(
                world.organization_id, "rule:1/cmms"
            )
            for each in (replace(state, failures=2), state, other):
                await unit.ledger.put_target(each)
            assert await unit.ledger.target(world.organization_id, "rule:1/cmms") == state
            await unit.ledger.forget_targets("rule:1/")
            assert (await unit.ledger.target(world.organization_id, "rule:1/cmms")).failures == 0
            assert await unit.ledger.target(world.organization_id, "rule:10/cmms") == other

    async def test_a_link_is_found_by_its_hash_in_its_organization_and_ends(self, units: Units) -> None:
        world = await World(units).store()
        alert = await world.alert()
        links = [
            Link(bytes([n]) * 32, world.organization_id, alert.id, user_id, "o...@x", NOW, NOW + LIFETIME)
            for n, user_id in enumerate((world.user_id, None))
        ]
        async with units(world.scope) as unit:
            for link in links:
                await unit.ledger.add_link(link)
            assert await unit.ledger.lock_link(links[0].token_hash) == links[0]
            await unit.ledger.end_link(links[0].token_hash, NOW)
            assert await unit.ledger.link(links[0].token_hash) == replace(links[0], ended_at=NOW)
            assert await unit.ledger.revoke_links(alert.id, NOW + HOUR) == 1
            assert await unit.ledger.link(links[1].token_hash) == replace(links[1], ended_at=NOW + HOUR)
        async with units(Scope(organization_id=uuid4())) as unit:
            assert await unit.ledger.link(links[0].token_hash) is None

    async def test_members_are_found_by_role_if_they_can_be_reached(self, units: Units) -> None:
        world = await World(units).store()
        async with units(world.scope) as unit:
            owner = await unit.replicas.member(world.user_id)
            assert owner is not None
            gone = replace(owner, user_id=uuid4(), is_active=False)
            nameless = replace(owner, user_id=uuid4(), email=None)
            for member in (gone, nameless):
                await unit.replicas.merge_member(member)
            assert await unit.ledger.members(["owner", "admin"]) == [owner]
            assert await unit.ledger.members(["operator"]) == []
            assert await unit.ledger.organization_name() is None
