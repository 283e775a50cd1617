"""Roles and permissions: the whole matrix, so that every change of a permission changes this file."""

from uuid import uuid4

import pytest

from shared.access import MIN_ROLE, Identity, Permission, Role
from shared.errors import Forbidden
from tests.support.fakes import caller

VIEWER = {
    Permission.ORGANIZATION_READ,
    Permission.MEMBERS_READ,
    Permission.MACHINES_READ,
    Permission.CONFIGS_READ,
    Permission.ANALYSES_READ,
    Permission.ANOMALIES_READ,
    Permission.ALERT_RULES_READ,
    Permission.ALERTS_READ,
    Permission.STREAM_READ,
}
OPERATOR = VIEWER | {
    Permission.MACHINES_WRITE,
    Permission.ANALYSES_WRITE,
    Permission.ANALYSES_ARCHIVE,
    Permission.ANOMALIES_ACKNOWLEDGE,
    Permission.ALERTS_WRITE,
}
ADMIN = OPERATOR | {
    Permission.ORGANIZATION_WRITE,
    Permission.MEMBERS_WRITE,
    Permission.API_KEYS_WRITE,
    Permission.AUDIT_READ,
    Permission.MACHINES_DELETE,
    Permission.MACHINES_HOLD,
    Permission.CONFIGS_WRITE,
    Permission.ANALYSES_DELETE,
    Permission.ALERT_RULES_WRITE,
    Permission.WEBHOOK_ADDRESSES_READ,
    Permission.SENSITIVE_METADATA_READ,
    Permission.QUOTAS_READ,
    Permission.FEED_WRITE,
}
OWNER = ADMIN | {Permission.ORGANIZATION_DELETE}
MATRIX = {Role.VIEWER: VIEWER, Role.OPERATOR: OPERATOR, Role.ADMIN: ADMIN, Role.OWNER: OWNER}


def test_every_permission_has_a_minimum_role() -> None:
    assert set(MIN_ROLE) == set(Permission)


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("permission", Permission)
def test_a_role_has_its_rights_and_no_others(role: Role, permission: Permission) -> None:
    someone = caller(role=role)
    if permission in MATRIX[role]:
        someone.require(permission)
    else:
        with pytest.raises(Forbidden) as refused:
            someone.require(permission)
        assert MIN_ROLE[permission].label in refused.value.detail
        assert role.label in refused.value.detail


@pytest.mark.parametrize("role", Role)
def test_a_role_is_parsed_from_its_name(role: Role) -> None:
    assert Role.parse(role.label) is role


def test_the_specifications_member_is_a_viewer() -> None:
    assert Role.parse("member") is Role.VIEWER


@pytest.mark.parametrize("name", ["", "root", "own er", "1", "superowner"])
def test_an_unknown_role_is_none(name: str) -> None:
    with pytest.raises(ValueError, match="unknown role"):
        Role.parse(name)


def test_the_callers_token_is_not_shown() -> None:
    identity = Identity(uuid4(), "a@example.org", "Ada", {uuid4(): Role.OWNER}, None, "sesame")
    assert "sesame" not in repr(identity)
    assert "sesame" not in repr(identity.in_organization(None))
