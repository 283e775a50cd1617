"""Checks that the recipients that a rule names exist, and finds those that nothing is sent to."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from services.alerting.contact_points.domain import ContactPoint
from services.alerting.database.unit import Unit
from services.alerting.errors import InvalidRule
from services.alerting.resources.domain import Kind
from services.alerting.rules.domain import Actions, Rule
from services.alerting.rules.warnings import SilentContacts
from shared.errors import FieldError

CONTACT = "contact"
KINDS = {CONTACT: Kind.CONTACT_POINT, "rotation": Kind.ROTATION}


async def check_recipients(unit: Unit, actions: Actions, now: datetime) -> None:
    """Raises InvalidRule with a pointer to each recipient that does not exist."""
    named = [
        (f"/body/actions/steps/{index}/to/{place}", *recipient.partition(":")[::2])
        for index, step in enumerate(actions.steps)
        for place, recipient in enumerate(step.to)
    ]
    resources = (
        await unit.resources.current(list(KINDS.values()), now)
        if any(kind in KINDS for _, kind, _ in named)
        else []
    )
    known = {(each.kind, each.name) for each in resources}
    errors = []
    for pointer, kind, name in named:
        if kind in KINDS and (KINDS[kind], name) not in known:
            detail = f"there is no {KINDS[kind].words} {name!r}: create it first"
            errors.append(FieldError(pointer, detail, "no_such_contact", {"name": name}))
        elif kind == "user":
            member = await unit.replicas.member(UUID(name))
            if member is None or member.deleted:
                errors.append(FieldError(pointer, "is not a member of the organization", "not_a_member"))
    if errors:
        raise InvalidRule(errors)


async def silent_contacts(unit: Unit, rules: Iterable[Rule], now: datetime) -> SilentContacts:
    """The contact points to which nothing is sent now, if any of the rules names contact points."""
    if not any(
        recipient.startswith(f"{CONTACT}:")
        for rule in rules
        for step in rule.actions.steps
        for recipient in step.to
    ):
        return SilentContacts()
    found = [
        (f"{CONTACT}:{each.name}", ContactPoint.load(each.document))
        for each in await unit.resources.current([Kind.CONTACT_POINT], now)
    ]
    return SilentContacts(
        inactive=frozenset(name for name, point in found if not point.is_active),
        unconfirmed=frozenset(name for name, point in found if not point.is_confirmed),
    )
