"""The inbox of alerts, and one alert."""

from typing import Any
from uuid import UUID

from services.web.errors import ApiError
from tests.unit.web.fakes import ORGANIZATION, FakeApi, browser

ALERTS = f"/o/{ORGANIZATION}/alerts"
MEMBERS = f"/organizations/{ORGANIZATION}/members"
COUNTS = {
    "total": 2,
    "open": 2,
    "unacknowledged": 1,
    "by_status": {},
    "by_severity": {"critical": 1, "low": 1},
}


def an_alert(number: int, severity: str, **values: Any) -> dict[str, Any]:
    return {
        "id": str(UUID(int=number)),
        "rule_name": f"{severity} rule",
        "machine_name": "Pump 7",
        "machine_id": str(UUID(int=9)),
        "alert_rule_id": str(UUID(int=8)),
        "summary": "far from normal",
        "severity": severity,
        "status": "active",
        "count": 3,
        "created_at": "2026-01-01T00:00:00Z",
        "first_seen_at": "2026-01-01T00:00:00Z",
        "last_seen_at": "2026-01-02T00:00:00Z",
        "acknowledged_at": None,
        "resolved_at": None,
        "assigned_to": None,
        "worst_anomaly_id": None,
        "worst_distance_ratio": 2.0,
        "features": [],
        "outcome": None,
        "fault_code": None,
        "deliveries": [],
        **values,
    }


class AlertsApi(FakeApi):
    """Gives the alerts of the severity that is asked for."""

    def __init__(self, *alerts: dict[str, Any]) -> None:
        super().__init__(
            {("GET", "/alerts/counts"): COUNTS, ("GET", MEMBERS): {"items": [], "next_cursor": None}}
        )
        self._alerts = alerts
        self.queries: list[dict[str, str]] = []

    async def json(self, method: str, target: str, **options: Any) -> Any:
        path, _, query = target.partition("?")
        if (method, path) == ("GET", "/api/v1/alerts"):
            asked = dict(pair.split("=") for pair in query.split("&"))
            self.queries.append(asked)
            found = [each for each in self._alerts if asked.get("severity") in (None, each["severity"])]
            return {"items": found, "next_cursor": None}
        return await super().json(method, target, **options)


async def test_the_inbox_shows_what_is_open_worst_first() -> None:
    api = AlertsApi(an_alert(1, "low"), an_alert(2, "critical"))
    async with browser(api) as visitor:
        await visitor.sign_in()
        page = await visitor.get(ALERTS)
        assert page.status_code == 200, page.text
        assert page.text.index("critical rule") < page.text.index("low rule")
        assert [each["severity"] for each in api.queries] == ["critical", "high", "medium", "low"]
        assert {each["open"] for each in api.queries} == {"true"}
        await visitor.get(f"{ALERTS}?show=resolved")
    assert (api.queries[-1]["status"], "open" in api.queries[-1]) == ("resolved", False)


async def test_a_refreshed_part_has_the_filters_and_the_place_in_the_list() -> None:
    api = AlertsApi(an_alert(1, "low"))
    partial = {"HX-Request": "true", "HX-Request-Type": "partial"}
    async with browser(api) as visitor:
        await visitor.sign_in()
        for query in ("?show=open&severity=", "?severity=low&cursor=c1"):
            part = await visitor.get(f"{ALERTS}{query}", **partial)
            place = f"{ALERTS}{query}".replace("&", "&amp;")
            assert part.text.lstrip().startswith('<section id="alerts"')
            assert f'hx-get="{place}" hx-trigger="refresh"' in part.text
            assert f'<form method="post" action="{place}"' in part.text
    assert api.queries[-1]["cursor"] == "c1"


async def test_selected_alerts_change_at_once_and_refusals_are_said() -> None:
    first, second = an_alert(1, "low"), an_alert(2, "high")
    api = AlertsApi(first, second)
    refusal = {
        "status": 409,
        "code": "already-acknowledged",
        "detail": "Bob has it.",
        "title": "",
        "params": {},
    }
    results = [
        {"alert_id": first["id"], "status": "active", "refused": None},
        {"alert_id": second["id"], "status": None, "refused": refusal},
    ]
    api.answers["POST", "/alerts/bulk"] = {"results": results}
    async with browser(api) as visitor:
        await visitor.sign_in()
        fields: dict[str, Any] = {
            "form_token": visitor.form_token,
            "action": "resolve",
            "note": "bearing replaced",
            "outcome": "true_alarm",
            "alert": [first["id"], second["id"], "no id"],
        }
        page = await visitor.post(ALERTS, fields)
    assert "1 alert changed" in page.text
    assert "Bob has it." in page.text
    # The event of the change has the list fetched anew: what is in there is gone a moment later.
    live = page.text.index('id="alerts"')
    assert page.text.index("1 alert changed") < page.text.index("Bob has it.") < live
    [body] = [call[2] for call in api.calls if call[1] == "/alerts/bulk"]
    assert body == {
        "action": "resolve",
        "alert_ids": [first["id"], second["id"]],
        "note": "bearing replaced",
        "outcome": "true_alarm",
        "fault_code": None,
    }


def an_entry(**values: Any) -> dict[str, Any]:
    """An entry of a timeline."""
    named = ("by", "reason", "code", "severity", "assigned_to", "delivery_id", "channel", "target", "attempt")
    at = {"at": "2026-01-01T00:00:00Z", "type": "change", "status": "active"}
    return dict.fromkeys(named) | at | values


GIVEN_UP = an_entry(
    type="delivery",
    change="escalated",
    status="given_up",
    channel="contact:nights",
    target="x.example",
    reason="<b>503</b>",
    delivery_id=str(UUID(int=6)),
)


async def test_an_alert_is_shown_with_its_timeline_although_its_anomaly_cannot_be_had() -> None:
    alert = an_alert(1, "high", worst_anomaly_id=str(UUID(int=5)), features=[{"name": "f_1", "share": 0.5}])
    api = AlertsApi(alert)
    api.answers["GET", f"/alerts/{alert['id']}"] = alert
    api.answers["GET", f"/anomalies/{UUID(int=5)}"] = ApiError(503, {})
    expired = an_entry(change="unacknowledged", code="acknowledgement_expired", reason="The API's words")
    worse = an_entry(change="severity_changed", severity="critical")
    api.answers["GET", f"/alerts/{alert['id']}/timeline"] = {"items": [worse, GIVEN_UP, expired]}
    async with browser(api) as visitor:
        await visitor.sign_in()
        page = await visitor.get(f"{ALERTS}/{alert['id']}", **{"Accept-Language": "de"})
    assert page.status_code == 200
    assert "f_1" in page.text
    assert "Die Bestätigung ist abgelaufen." in page.text
    assert "Schwere geändert: kritisch" in page.text
    assert "Aufgegeben: Eskaliert, contact:nights, x.example" in page.text
    assert "&lt;b&gt;503&lt;/b&gt;" in page.text


async def test_a_message_that_nobody_got_is_sent_again_or_it_is_said_why_not() -> None:
    alert = an_alert(1, "high")
    api = AlertsApi(alert)
    api.answers["GET", f"/alerts/{alert['id']}"] = alert
    api.answers["GET", f"/alerts/{alert['id']}/timeline"] = {"items": [GIVEN_UP]}
    path = f"{ALERTS}/{alert['id']}/deliveries/{GIVEN_UP['delivery_id']}"
    again = ("POST", f"/deliveries/{GIVEN_UP['delivery_id']}/redeliver")
    async with browser(api) as visitor:
        await visitor.sign_in()
        assert path in (await visitor.get(f"{ALERTS}/{alert['id']}")).text
        api.answers[again] = {}
        assert (await visitor.post(path, {"form_token": visitor.form_token})).status_code == 303
        api.answers[again] = ApiError(409, {"code": "cannot-redeliver", "detail": "It is under way."})
        refused = await visitor.post(path, {"form_token": visitor.form_token})
    assert (refused.status_code, "cannot be sent again" in refused.text) == (409, True)
