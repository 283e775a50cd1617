"""What people read of alerts: subject, plain text, HTML and the short form for chat services.

Names and notes are quoted or stand in places of their own, shortened and without addresses: whoever names a
machine must not write the mail. Webhooks get everything as it is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from shared.mail.names import MAX_LENGTH, plain, quoted

# Titles of changes, as people read them.
TITLES: Mapping[str, str] = {
    "raised": "New alert",
    "updated": "Alert continues",
    "severity_changed": "Severity changed",
    "acknowledged": "Acknowledged",
    "unacknowledged": "Acknowledgement withdrawn",
    "assigned": "Assigned",
    "commented": "Comment",
    "reopened": "Alert reopened",
    "recovering": "Recovering",
    "resolved": "Resolved",
    "escalated": "Escalated: not acknowledged yet",
    "reminder": "Reminder: still open",
    "given_up": "A message was not delivered",
    "test": "Test message",
}
COLOURS: Mapping[str, str] = {
    "critical": "#b3261e",
    "high": "#c4560a",
    "medium": "#8a6d00",
    "low": "#2a6f97",
    "resolved": "#2e7d32",
}
MAX_SHOWN_FEATURES = 5
MAX_TEXT = 500
MAX_SUBJECT = 180
NAMES = ("machine_name", "rule_name", "organization_name")


@dataclass(frozen=True, slots=True)
class Content:
    subject: str
    text: str
    html: str
    short: str


class Composer:
    """Makes the content from the same messages that webhooks get."""

    def __init__(self) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(Path(__file__).with_name("templates")),
            autoescape=select_autoescape(["html"]),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters["moment"] = moment

    def compose(
        self, message: Mapping[str, Any], others: Sequence[Mapping[str, Any]], link: str | None
    ) -> Content:
        """`others` are told along; `link` acknowledges the first alert without a sign-in."""
        alerts = [_shown(each) for each in (message, *others)]
        first = alerts[0]
        values = {
            "alerts": alerts,
            "first": first,
            "link": link,
            "failure": plain(message["data"].get("error") or "", MAX_TEXT),
            "missed": message["data"].get("target"),
        }
        text = self._environment.get_template("alert.txt").render(values)
        html = self._environment.get_template("alert.html").render(values)
        short = "\n".join(
            [*(f"{each['title']}: {each['summary']}" for each in alerts), first["url"] or "", link or ""]
        )
        return Content(_subject(alerts), text.strip() + "\n", html, short.strip())


def moment(text: str | None) -> str:
    """A time as people read it."""
    return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M} UTC" if text else ""


def _shown(message: Mapping[str, Any]) -> dict[str, Any]:
    data = message["data"]
    change, severity = data.get("change", "test"), data.get("severity", "low")
    title = TITLES.get(change, change.replace("_", " "))
    machine, summary = data.get("machine_name") or "", data.get("summary") or title
    text = plain(summary.removeprefix(f"{machine}: "), MAX_TEXT)
    names = {name: quoted(data[name]) if data.get(name) else "" for name in NAMES}
    leading = sorted(data.get("features") or [], key=lambda each: -float(each.get("share") or 0))
    return {
        **dict.fromkeys(("organization_name", "url", "runbook_url", "note", "first_seen_at", "count"), None),
        **data,
        **names,
        "title": title,
        "change": change,
        "severity": severity,
        "text": text,
        "summary": f"{names['machine_name']}: {text}" if machine else text,
        "note": plain(data.get("note") or "", MAX_TEXT),
        "colour": COLOURS["resolved" if change == "resolved" else severity],
        "features": [
            {
                "name": plain(str(each["name"]), MAX_LENGTH),
                "percent": round(100 * float(each.get("share") or 0)),
            }
            for each in leading[:MAX_SHOWN_FEATURES]
        ],
    }


def _subject(alerts: Sequence[Mapping[str, Any]]) -> str:
    first = alerts[0]
    if len(alerts) == 1:
        machine = f"{first['machine_name']}: " if first["machine_name"] else ""
        subject = f"[{first['severity'].upper()}] {machine}{first['rule_name']} ({first['title']})"
    else:
        machines = dict.fromkeys(str(each["machine_name"]) for each in alerts)
        subject = f"[{first['severity'].upper()}] {len(alerts)} alerts: {', '.join(machines)}"
    return subject if len(subject) <= MAX_SUBJECT else subject[: MAX_SUBJECT - 3] + "..."
