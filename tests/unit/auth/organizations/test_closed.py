"""A request that was let in before the organization was deleted, and waited for that, changes nothing."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from services.auth.api_keys.service import ApiKeyService
from services.auth.errors import OrganizationNotFound
from services.auth.members.service import MemberService
from shared.access import Caller, Permission, Role
from shared.audit import Auditor
from shared.clock import time_ordered_id
from tests.unit.auth.second_factor.setting import Setting

Change = Callable[[Setting, Caller], Awaitable[Any]]


async def rename(setting: Setting, caller: Caller) -> None:
    await setting.organizations.change(setting.unit, caller, {"name": "Plant again"})


async def invite(setting: Setting, caller: Caller) -> None:
    await setting.invitations.invite(setting.unit, caller, "grace@example.org", Role.VIEWER)


async def change_member(setting: Setting, caller: Caller) -> None:
    members = MemberService(setting.clock, Auditor(setting.clock))
    await members.change(setting.unit, caller, caller.user_id, role=Role.VIEWER, is_active=None)


async def remove_member(setting: Setting, caller: Caller) -> None:
    members = MemberService(setting.clock, Auditor(setting.clock))
    await members.remove(setting.unit, caller, caller.user_id)


async def withdraw(setting: Setting, caller: Caller) -> None:
    [invitation] = setting.units.invitations.invitations.values()
    await setting.invitations.withdraw(setting.unit, caller, invitation.id)


async def make_key(setting: Setting, caller: Caller) -> None:
    keys = ApiKeyService(setting.clock, time_ordered_id, Auditor(setting.clock))
    await keys.create(setting.unit, caller, "historian", Role.VIEWER, None)


@pytest.mark.parametrize("change", [rename, invite, withdraw, change_member, remove_member, make_key])
async def test_a_deleted_organization_is_not_brought_back(change: Change) -> None:
    setting = await Setting().begin()
    [organization] = setting.units.organizations.organizations
    caller = await setting.organizations.authorize(
        setting.unit, setting.identity, organization, Permission.ORGANIZATION_WRITE
    )
    await setting.invite(setting.user, organization, "alan@example.org")
    await setting.mail()
    await setting.unit.deletions.close_organization(organization, setting.clock.now())
    before = list(setting.units.outbox.events)
    with pytest.raises(OrganizationNotFound):
        await change(setting, caller)
    assert setting.units.outbox.events == before
    assert await setting.mail() == []
