"""One action on several alerts, in one transaction: each is changed, or refused for a reason of its own."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypeAlias
from uuid import UUID

from services.alerting.alerts.domain import Alert, AlertStatus, Resolution
from services.alerting.alerts.service import AlertService
from services.alerting.database.unit import Unit
from shared.access import Caller
from shared.errors import DInsightError, FieldError, Unprocessable

ActionName: TypeAlias = Literal["acknowledge", "unacknowledge", "assign", "comment", "resolve", "reopen"]
Action: TypeAlias = Callable[[UUID], Awaitable[Alert]]


@dataclass(frozen=True, slots=True)
class Bulk:
    """The action, the alerts, and what the action takes from the request."""

    action: ActionName
    alert_ids: Sequence[UUID]
    how: Resolution = field(default_factory=Resolution)
    expires_at: datetime | None = None
    user_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class BulkOutcome:
    """The alert's status after the action, or why it was refused."""

    alert_id: UUID
    status: AlertStatus | None
    error: DInsightError | None


async def change_all(service: AlertService, unit: Unit, caller: Caller, bulk: Bulk) -> Sequence[BulkOutcome]:
    """Raises Unprocessable for a comment without text, and MemberNotFound."""
    if bulk.action == "comment" and not bulk.how.note:
        raise Unprocessable(
            "A comment needs a note.",
            errors=[FieldError("/body/note", "is needed by the action comment", "note_needed")],
        )
    if bulk.user_id is not None:
        await service.check_member(unit, bulk.user_id)
    ids = list(dict.fromkeys(bulk.alert_ids))
    # All locks in the order in which judging takes them.
    if bulk.action == "reopen":
        await unit.rules.lock_of_alerts(ids)
    await unit.alerts.lock_all(ids)
    act = _actions(service, unit, caller, bulk)[bulk.action]
    return [await _outcome(act, alert_id) for alert_id in ids]


def _actions(service: AlertService, unit: Unit, caller: Caller, bulk: Bulk) -> Mapping[str, Action]:
    note = bulk.how.note
    return {
        "acknowledge": lambda each: service.acknowledge(unit, caller, each, note, bulk.expires_at),
        "unacknowledge": lambda each: service.unacknowledge(unit, caller, each, note),
        "assign": lambda each: service.assign(unit, caller, each, bulk.user_id, note),
        "comment": lambda each: service.comment(unit, caller, each, note or ""),
        "resolve": lambda each: service.resolve(unit, caller, each, bulk.how),
        "reopen": lambda each: service.reopen(unit, caller, each, note),
    }


async def _outcome(act: Action, alert_id: UUID) -> BulkOutcome:
    try:
        alert = await act(alert_id)
    except DInsightError as error:
        # Raised before anything was written.
        return BulkOutcome(alert_id, None, error)
    return BulkOutcome(alert_id, alert.status, None)
