"""What an organization demands of sign-ins, and whom that keeps out."""

from dataclasses import replace
from uuid import UUID

import pytest

from services.auth.sessions.domain import Grant
from services.auth.sessions.errors import OwnSignInTooWeak
from services.auth.sessions.methods import Demand, Method, SignInRules
from services.auth.standing.service import StandingService
from shared.access import Identity, Permission, Role, SignInTooWeak
from shared.ended import AccessRevoked
from shared.events.auth import ORGANIZATION_CHANGED
from tests.unit.auth.accounts_setting import EMAIL, HERE, AccountsSetting
from tests.unit.auth.second_factor.setting import Setting

PASSWORD_ONLY = (Method.PASSWORD,)


@pytest.mark.parametrize(
    ("rules", "methods", "lacking"),
    [
        (SignInRules(), (), None),
        (SignInRules(second_factor_required=True), (), Demand.SECOND_FACTOR),
        (SignInRules(second_factor_required=True), PASSWORD_ONLY, Demand.SECOND_FACTOR),
        (SignInRules(second_factor_required=True), (Method.PROVIDER,), Demand.SECOND_FACTOR),
        (SignInRules(second_factor_required=True), (Method.PASSWORD, Method.TOTP), None),
        (SignInRules(second_factor_required=True), (Method.PROVIDER, Method.PROVIDER_FACTORS), None),
        (SignInRules(single_sign_on_only=True), (Method.PASSWORD, Method.PASSKEY), Demand.SINGLE_SIGN_ON),
        (SignInRules(single_sign_on_only=True), (Method.PROVIDER,), None),
        (SignInRules(True, True), (Method.PROVIDER,), Demand.SECOND_FACTOR),
        (SignInRules(True, True), (Method.PROVIDER, Method.PASSKEY), None),
    ],
)
def test_a_rule_names_what_a_sign_in_lacks(
    rules: SignInRules, methods: tuple[Method, ...], lacking: Demand | None
) -> None:
    assert rules.lacking(methods) is lacking


@pytest.fixture
async def setting() -> Setting:
    return await Setting().begin()


def demand(setting: AccountsSetting, **rules: bool) -> UUID:
    [organization] = setting.units.organizations.organizations.values()
    changed = replace(organization, **rules)  # type: ignore[arg-type]
    setting.units.organizations.organizations[organization.id] = changed
    return organization.id


async def test_a_token_has_no_membership_where_the_sign_in_is_too_weak(setting: Setting) -> None:
    place = demand(setting, second_factor_required=True)
    refreshed = await setting.sessions.refresh(setting.unit, setting.grant.refresh_token, HERE)
    assert isinstance(refreshed, Grant)
    assert (refreshed.memberships, refreshed.barred) == ([], {place: Demand.SECOND_FACTOR})
    # Who sets up a factor in this session has proved it, and is let in by the next token.
    await setting.with_app()
    again = await setting.sessions.refresh(setting.unit, refreshed.refresh_token, HERE)
    assert isinstance(again, Grant)
    assert ([m.organization_id for m in again.memberships], again.barred) == ([place], {})


async def test_an_old_token_is_refused_at_once(setting: Setting) -> None:
    place = demand(setting, single_sign_on_only=True)
    with pytest.raises(SignInTooWeak):
        await setting.organizations.authorize(
            setting.unit, setting.identity, place, Permission.ORGANIZATION_READ
        )
    standing = StandingService(None, setting.clock)  # type: ignore[arg-type]  # API keys are not asked
    with pytest.raises(AccessRevoked):
        await standing.of_person(setting.unit, setting.user.id, setting.grant.session_id, place)


async def test_an_api_key_is_no_sign_in(setting: Setting) -> None:
    place = demand(setting, second_factor_required=True)
    key = replace(
        setting.identity, session_id=None, api_key_id=UUID(int=1), memberships={place: Role.OPERATOR}
    )
    caller = await setting.organizations.authorize(setting.unit, key, place, Permission.ORGANIZATION_READ)
    assert caller.role is Role.OPERATOR


async def test_nobody_sets_a_rule_that_they_do_not_meet(setting: Setting) -> None:
    place = demand(setting)
    caller = await setting.organizations.authorize(
        setting.unit, setting.identity, place, Permission.ORGANIZATION_WRITE
    )
    for rule in ("single_sign_on_only", "second_factor_required"):
        with pytest.raises(OwnSignInTooWeak):
            await setting.organizations.change(setting.unit, caller, {rule: True})
    await setting.with_app()
    access = await setting.organizations.change(setting.unit, caller, {"second_factor_required": True})
    assert access.organization.second_factor_required
    announced = setting.units.outbox.payloads(ORGANIZATION_CHANGED)[-1]
    assert announced.demands == ["second-factor"], "tokens from before end with it"


def test_a_token_says_why_an_organization_is_missing() -> None:
    place, other = UUID(int=1), UUID(int=2)
    barred = Identity(UUID(int=3), EMAIL, "Ada", {}, UUID(int=4), "token", barred={place: "single-sign-on"})
    for requested in (place, None):
        with pytest.raises(SignInTooWeak) as refused:
            barred.in_organization(requested)
        assert refused.value.params == {"demand": "single-sign-on"}
    several = replace(barred, memberships={other: Role.VIEWER})
    assert several.in_organization(None).organization_id == other
