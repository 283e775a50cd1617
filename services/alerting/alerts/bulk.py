"""One action on several alerts, in one transaction: each is changed, or refused for a reason of its own."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias
from uuid import UUID

from services.alerting.alerts.domain import Alert
from services.alerting.alerts.schemas import AlertBulk, BulkResult, BulkResults, Refusal
from services.alerting.alerts.service import AlertService
from services.alerting.database.unit import Unit
from shared.access import Caller
from shared.errors import DInsightError, FieldError, Unprocessable

Action: TypeAlias = Callable[[UUID], Awaitable[Alert]]


async def change_all(service: AlertService, unit: Unit, caller: Caller, body: AlertBulk) -> BulkResults:
    """Raises Unprocessable for a comment without text, and MemberNotFound."""
    if body.action == "comment" and not body.note:
        raise Unprocessable(
            "A comment needs a note.", errors=[FieldError("/body/note", "is needed by the action comment")]
        )
    if body.user_id is not None:
        await service.check_member(unit, body.user_id)
    ids = list(dict.fromkeys(body.alert_ids))
    # All locks in the order in which judging takes them.
    await unit.alerts.lock_all(ids)
    act = _actions(service, unit, caller, body)[body.action]
    return BulkResults(results=[await _result(act, alert_id) for alert_id in ids])


def _actions(service: AlertService, unit: Unit, caller: Caller, body: AlertBulk) -> Mapping[str, Action]:
    note = body.note
    return {
        "acknowledge": lambda each: service.acknowledge(unit, caller, each, note, body.expires_at),
        "unacknowledge": lambda each: service.unacknowledge(unit, caller, each, note),
        "assign": lambda each: service.assign(unit, caller, each, body.user_id, note),
        "comment": lambda each: service.comment(unit, caller, each, note or ""),
        "resolve": lambda each: service.resolve(unit, caller, each, body.resolution()),
        "reopen": lambda each: service.reopen(unit, caller, each, note),
    }


async def _result(act: Action, alert_id: UUID) -> BulkResult:
    try:
        alert = await act(alert_id)
    except DInsightError as error:
        # Raised before anything was written.
        return BulkResult(alert_id=alert_id, status=None, refused=_refusal(error))
    return BulkResult(alert_id=alert_id, status=alert.status, refused=None)


def _refusal(error: DInsightError) -> Refusal:
    return Refusal(
        title=error.title,
        status=error.status,
        detail=error.detail,
        code=error.extra.get("code", error.code),
        params=error.extra.get("params", {}),
    )
