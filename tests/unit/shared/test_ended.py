"""Which tokens are refused after which events, and for how long that is remembered."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.access import Identity, Role
from shared.ended import REMEMBERED_FOR, AccessRevoked, EndedAccess
from shared.events.auth import (
    ACCESS_ENDED,
    AUDIT_RECORDED,
    MEMBERSHIP_CHANGED,
    ORGANIZATION_CHANGED,
    AccessEnded,
    AuditRecorded,
    MembershipChanged,
    OrganizationChanged,
)
from shared.events.base import Event, Payload, Topic

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
USER, SESSION, KEY, PLANT, OTHER = (uuid4() for _ in range(5))
PERSON = Identity(
    USER, "", "", {PLANT: Role.OPERATOR, OTHER: Role.OWNER}, SESSION, "", versions={PLANT: 10, OTHER: 11}
)
PROGRAM = replace(
    PERSON, session_id=None, api_key_id=KEY, memberships={PLANT: Role.OPERATOR}, versions={PLANT: 10}
)


def event(topic: Topic[Any], payload: Payload) -> Event[Any]:
    return Event(uuid4(), topic, "key", None, NOON, payload)


def ended(**which: UUID) -> Event[Any]:
    return event(ACCESS_ENDED, AccessEnded(ended_at=NOON, **which))


def member(version: int, role: str = "operator", **changes: Any) -> Event[Any]:
    values = {"organization_id": PLANT, "user_id": USER, "email": "", "full_name": "", "is_active": True}
    return event(
        MEMBERSHIP_CHANGED,
        MembershipChanged(**values | {"role": role, "version": version, "changed_at": NOON} | changes),
    )


def organization(version: int, **changes: Any) -> Event[Any]:
    values = {"organization_id": PLANT, "name": "", "slug": "", "is_active": True, "changed_at": NOON}
    return event(ORGANIZATION_CHANGED, OrganizationChanged(**values | {"version": version} | changes))


@pytest.mark.parametrize(
    ("change", "person", "program"),
    [
        (ended(session_id=SESSION), True, False),
        (ended(session_id=uuid4()), False, False),
        (ended(api_key_id=KEY), False, True),
        (ended(), False, False),
        (member(12, deleted=True), True, True),
        (member(12, is_active=False), True, True),
        (member(12, "viewer"), True, True),
        (member(12, "operator"), False, False),
        (member(12, "admin"), False, False),
        (member(12, deleted=True, user_id=uuid4()), False, False),
        (member(12, deleted=True, organization_id=OTHER), True, False),
        (member(12, deleted=True, organization_id=uuid4()), False, False),
        # The token was issued after the change, whatever was heard first.
        (member(10, "viewer"), False, False),
        (member(9, deleted=True), False, False),
        (organization(2, is_active=False), True, True),
        (organization(2, deleted=True), True, True),
        (organization(2), False, False),
        (event(AUDIT_RECORDED, AuditRecorded(user_id=USER, action="x", occurred_at=NOON)), False, False),
    ],
)
def test_a_token_is_refused_that_says_more_than_is_true(
    change: Event[Any], person: bool, program: bool
) -> None:
    known = EndedAccess()
    known.add(change)
    assert (known.covers(PERSON), known.covers(PROGRAM)) == (person, program)
    if person:
        with pytest.raises(AccessRevoked):
            known.check(PERSON)


def test_a_caller_is_judged_in_its_organization_alone() -> None:
    known = EndedAccess()
    known.add(member(12, deleted=True, organization_id=OTHER))
    assert known.covers(PERSON)
    assert known.covers(PERSON.in_organization(OTHER))
    assert not known.covers(PERSON.in_organization(PLANT))
    known.add(ended(session_id=SESSION))
    assert known.covers(PERSON.in_organization(PLANT))


def test_the_latest_change_decides_in_any_order() -> None:
    for changes in ([member(12, deleted=True), member(13)], [member(13), member(12, deleted=True)]):
        known = EndedAccess()
        for change in changes:
            known.add(change)
        assert not known.covers(PERSON)


def test_a_token_of_the_previous_version_counts_as_older_than_any_change() -> None:
    known = EndedAccess()
    known.add(member(1, "viewer"))
    assert known.covers(replace(PERSON, versions={}))
    known.add(member(2, "operator"))
    assert not known.covers(replace(PERSON, versions={}))


def test_streams_are_woken_only_by_what_may_end_them() -> None:
    known = EndedAccess()
    assert known.add(ended(session_id=SESSION))
    assert not known.add(ended(session_id=SESSION)), "heard twice"
    assert known.add(member(12, "viewer"))
    assert not known.add(member(13, "owner"))
    assert not known.add(organization(2))
    assert known.add(organization(3, is_active=False))


def test_what_no_valid_token_can_contradict_is_forgotten() -> None:
    now = 0.0
    known = EndedAccess(monotonic=lambda: now)
    known.add(ended(session_id=SESSION))
    now = REMEMBERED_FOR.total_seconds() - 1
    known.add(ended(session_id=uuid4()))
    assert known.covers(PERSON)
    now += 2
    known.add(ended(session_id=uuid4()))
    assert not known.covers(PERSON)


def test_a_sign_in_that_is_too_weak_for_an_organization_ends_there() -> None:
    """A rule that an organization sets holds at once; tokens from after it lack the membership."""
    known = EndedAccess()
    weak = replace(PERSON, lacks=frozenset({"second-factor", "single-sign-on"}))
    strong = replace(PERSON, lacks=frozenset({"single-sign-on"}))
    assert known.add(organization(2, demands=["second-factor"])), "open streams are looked at"
    assert known.covers(weak)
    assert known.covers(weak.in_organization(PLANT))
    assert not known.covers(weak.in_organization(OTHER))
    assert not known.covers(strong)
    assert not known.covers(PROGRAM)
    assert not known.add(organization(3))
    assert not known.covers(weak)
