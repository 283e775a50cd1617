"""Reads and changes alerts for a visitor."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from starlette.datastructures import FormData

from services.web.api.client import Json
from services.web.errors import ApiError
from services.web.sessions.visit import Visit

PAGE = 50
# Worst first: what needs somebody most stands on top, however old it is.
SEVERITIES = ("critical", "high", "medium", "low")
FILTERS = ("show", "severity", "machine_id", "alert_rule_id")
# What each view asks the API for. The inbox shows what is open, whatever else the visitor looks at.
VIEWS: Mapping[str, Mapping[str, Any]] = {
    "open": {"open": True},
    "unacknowledged": {"open": True, "unacknowledged": True},
    "mine": {"open": True},
    "resolved": {"status": "resolved"},
    "all": {},
}
BY_SEVERITY = frozenset({"open", "unacknowledged", "mine"})
ACTIONS = frozenset({"acknowledge", "unacknowledge", "assign", "comment", "resolve", "reopen"})
MAX_ALERTS = 200


@dataclass(frozen=True, slots=True)
class Inbox:
    items: Sequence[Json]
    counts: Json
    filters: Mapping[str, str]
    next_cursor: str | None

    @property
    def view(self) -> str:
        return self.filters.get("show", "open")


async def read_inbox(visit: Visit) -> Inbox:
    query = visit.request.query_params
    filters = {name: query[name] for name in FILTERS if query.get(name)}
    view = filters.get("show", "open")
    asked = dict(VIEWS.get(view, VIEWS["open"]))
    if view == "mine":
        asked["assigned_to"] = user_id(visit)
    asked |= {name: value for name, value in filters.items() if name != "show"}
    counted = {name: value for name, value in asked.items() if name != "severity"}
    worst_first = view in BY_SEVERITY and "severity" not in filters
    (items, cursor), counts = await asyncio.gather(
        _page(visit, asked, query.get("cursor", ""), worst_first=worst_first),
        visit.get("/alerts/counts", **counted),
    )
    return Inbox(items, counts, filters, cursor)


async def _page(
    visit: Visit, asked: Mapping[str, Any], cursor: str, *, worst_first: bool
) -> tuple[Sequence[Json], str | None]:
    if not worst_first:
        page = await visit.get("/alerts", limit=PAGE, cursor=cursor, **asked)
        return page["items"], page["next_cursor"]
    items: list[Json] = []
    severity, _, cursor = cursor.partition(".")
    first = SEVERITIES.index(severity) if severity in SEVERITIES else 0
    for severity in SEVERITIES[first:]:
        if len(items) >= PAGE:
            return items, f"{severity}."
        page = await visit.get("/alerts", limit=PAGE - len(items), cursor=cursor, severity=severity, **asked)
        items += page["items"]
        if page["next_cursor"]:
            return items, f"{severity}.{page['next_cursor']}"
        cursor = ""
    return items, None


async def change_alerts(visit: Visit, form: FormData) -> tuple[int, Sequence[ApiError]]:
    """Change the selected alerts: how many were, and why others were not. Unknown actions change nothing."""
    action = str(form.get("action", ""))
    ids = [str(each) for each in form.getlist("alert") if _is_id(str(each))][:MAX_ALERTS]
    if action not in ACTIONS or not ids:
        return 0, ()
    body = {"action": action, "alert_ids": ids, **_details(visit, action, form)}
    results = (await visit.post("/alerts/bulk", body))["results"]
    refused = [ApiError(each["refused"]["status"], each["refused"]) for each in results if each["refused"]]
    return len(results) - len(refused), refused


async def change_alert(visit: Visit, alert_id: UUID, form: FormData) -> None:
    """Raises ApiError."""
    action = str(form.get("action", ""))
    if action in ACTIONS:
        await visit.post(f"/alerts/{alert_id}/{action}", _details(visit, action, form))


def _details(visit: Visit, action: str, form: FormData) -> Json:
    """The fields that the action takes."""
    details: dict[str, Any] = {"note": form.get("note") or None}
    if action == "assign":
        details["user_id"] = user_id(visit)
    if action == "resolve":
        details["outcome"] = form.get("outcome") or None
        details["fault_code"] = form.get("fault_code") or None
    return details


def user_id(visit: Visit) -> str:
    return str(visit.session.claims.get("sub", "")) if visit.session else ""


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
