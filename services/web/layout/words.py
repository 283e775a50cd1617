"""Words for the API's codes, in the visitor's language.

A code that is not known here is shown in the API's own English words: a newer service must not empty a page.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from services.web.layout.delivery_texts import UNDELIVERED
from services.web.layout.field_texts import FIELD_NAMES, FIELDS, POINTING
from services.web.layout.marked import N_
from services.web.layout.problem_texts import PROBLEMS
from services.web.layout.source_texts import SOURCES
from services.web.layout.terms import CONFIG_FIELDS, Terms
from shared.errors import FieldError

Gettext = Callable[[str], str]


SEVERITIES: Mapping[str, str] = {
    "low": N_("low"),
    "medium": N_("medium"),
    "high": N_("high"),
    "critical": N_("critical"),
}
STATES: Mapping[str, str] = {
    "ok": N_("Healthy"),
    "deteriorating": N_("Deteriorating"),
    "failing": N_("Failing"),
    "unknown": N_("Not known yet"),
}
# The mark beside a state: as pressing as a severity, or none.
STATE_MARKS: Mapping[str, str] = {
    "ok": "ok",
    "deteriorating": "medium",
    "failing": "critical",
    "unknown": "unknown",
}
ALERT_STATES: Mapping[str, str] = {
    "pending": N_("pending"),
    "active": N_("open"),
    "acknowledged": N_("acknowledged"),
    "recovering": N_("recovering"),
    "resolved": N_("resolved"),
}
NOT_JUDGED: Mapping[str, str] = {
    "rule_switched_off": N_("The rule is switched off."),
    "machine_inactive": N_("The machine is inactive."),
    "machine_maintenance": N_("The machine is in maintenance."),
    "machine_retired": N_("The machine is retired."),
}
CHANGES: Mapping[str, str] = {
    "raised": N_("Raised"),
    "updated": N_("More findings"),
    "severity_changed": N_("Severity changed"),
    "acknowledged": N_("Acknowledged"),
    "unacknowledged": N_("Acknowledgement withdrawn"),
    "assigned": N_("Assigned"),
    "commented": N_("Commented"),
    "reopened": N_("Reopened"),
    "recovering": N_("Recovering"),
    "resolved": N_("Resolved"),
    "escalated": N_("Escalated"),
    "reminder": N_("Reminder"),
    "given_up": N_("Notice of an undelivered message"),
}
# Why the service changed an alert by itself.
REASONS: Mapping[str, str] = {
    "cleared": N_("The condition no longer holds."),
    "rule_changed": N_("The rule was changed. If the fault persists, it opens a new alert."),
    "rule_switched_off": N_("The rule was switched off."),
    "rule_deleted": N_("The rule was deleted."),
    "machine_deleted": N_("The machine was deleted."),
    "template_changed": N_("The rule template no longer covers the machine."),
    "acknowledgement_expired": N_("The acknowledgement expired."),
}
CONTACT_KINDS: Mapping[str, str] = {
    "email": N_("E-mail address"),
    "webhook": N_("Another system (webhook)"),
    "apprise": N_("Chat or phone service"),
    "role": N_("Everybody with a role"),
    "user": N_("One person"),
    "rotation": N_("Whoever is on call"),
}
DELIVERIES: Mapping[str, str] = {
    "pending": N_("Being sent"),
    "delivered": N_("Delivered"),
    "failed": N_("Not delivered yet"),
    "given_up": N_("Given up"),
    "cancelled": N_("Nobody to tell"),
    "grouped": N_("Sent together with other alerts"),
    "suppressed": N_("Held back"),
    "superseded": N_("Replaced by a newer message"),
}
ROLES: Mapping[str, str] = {
    "owner": N_("Owner"),
    "admin": N_("Administrator"),
    "operator": N_("Operator"),
    "viewer": N_("Viewer"),
}
OUTCOMES: Mapping[str, str] = {
    "true_alarm": N_("The machine had a fault"),
    "false_alarm": N_("False alarm"),
    "maintenance": N_("Maintenance was going on"),
    "unknown": N_("Not known"),
}


# In standard deviations.
DEVIATION = N_("{name} ({deviation:+.1f} \N{GREEK SMALL LETTER SIGMA})")
MAX_TOLD = 3


class Words(Terms):
    """What templates say for a code. Every method takes what the API sent and gives a text."""

    def __init__(self, gettext: Gettext, decimal: str = ".") -> None:
        super().__init__(gettext, decimal)
        self.roles, self.outcomes = ROLES, OUTCOMES

    def severity(self, code: str) -> str:
        return self._word(SEVERITIES, code)

    def state(self, code: str) -> str:
        return self._word(STATES, code)

    def mark(self, state: str) -> str:
        return STATE_MARKS.get(state, "unknown")

    def summary(self, alert: Mapping[str, Any]) -> str:
        """What an alert found, without the machine, which the page names beside it."""
        ratio = alert.get("worst_distance_ratio")
        if ratio is None:
            return str(alert["summary"]).removeprefix(f"{alert['machine_name']}: ")
        text = self.findings.fill(N_("{ratio:.1f} times the threshold"), {"ratio": float(ratio)})
        told = [
            self.findings.fill(DEVIATION, {**each, "deviation": float(each["deviation"])})
            for each in (alert.get("features") or ())[:MAX_TOLD]
            if isinstance(each.get("deviation"), int | float)
        ]
        if told:
            text += "; " + self._text(N_("most deviating: {features}")).format(features=", ".join(told))
        return text

    def not_judged(self, code: str) -> str:
        return self._word(NOT_JUDGED, code)

    def change(self, code: str) -> str:
        return self._word(CHANGES, code)

    def reason(self, entry: Mapping[str, Any]) -> str | None:
        """What a person wrote, or why the service acted or could not: of an entry of a timeline, or of a test
        message."""
        code = entry.get("code") or ""
        known = REASONS.get(code) or UNDELIVERED.get(code)
        said = self.findings.said(known, entry.get("params") or {})
        return said or entry.get("reason") or entry.get("error")

    def contact_kind(self, code: str) -> str:
        return self._word(CONTACT_KINDS, code)

    def contact_kinds(self, rotations: Sequence[str]) -> list[tuple[str, str]]:
        """Those that can be chosen: a rotation only where there is one."""
        return [(code, self.contact_kind(code)) for code in CONTACT_KINDS if rotations or code != "rotation"]

    def recipient(self, code: str, names: Mapping[str, str]) -> str:
        """Whom a step of a rule tells. `names` are those of people, by id."""
        kind, _, who = code.partition(":")
        match kind:
            case "role":
                return self._text(N_("Everybody with the role {role}")).format(role=self.role(who))
            case "user":
                return names.get(who, self._text(N_("somebody who has left")))
            case "rotation":
                return self._text(N_("Whoever is on call in {rotation}")).format(rotation=who)
        return who

    def recipients(self, told: Sequence[str]) -> list[tuple[str, str]]:
        """What a rule may name: roles, and contact points and rotations that there are."""
        return [(code, self.recipient(code, {})) for code in (*(f"role:{role}" for role in ROLES), *told)]

    def outcome_options(self) -> list[tuple[str, str]]:
        return [(code, self.outcome(code)) for code in OUTCOMES]

    def delivery(self, code: str) -> str:
        return self._word(DELIVERIES, code)

    def alert_state(self, code: str) -> str:
        return self._word(ALERT_STATES, code)

    def browser(self, agent: str) -> str:
        """What people call the program of a User-Agent; its first word where it is no browser."""
        name = next((name for mark, name in BROWSERS if mark in agent), agent.partition("/")[0][:40])
        system = next((name for mark, name in SYSTEMS if mark in agent), "")
        return f"{name}, {system}" if system else name or self._text(N_("unknown program"))

    def role(self, code: str) -> str:
        return self._word(ROLES, code)

    def outcome(self, code: str) -> str:
        return self._word(OUTCOMES, code)

    def source_problem(self, problem: Mapping[str, Any]) -> str:
        """Why the files of a source do not arrive: of its place, or what refused them."""
        return self.findings.say(problem, {**PROBLEMS, **SOURCES})

    def problem(self, error: Any) -> str:
        """What went wrong, by its code; else in the words of whoever reports it."""
        known = PROBLEMS.get(error.reason_code) or PROBLEMS.get(error.code)
        return self.findings.said(known, error.params) or str(error.detail)

    def problem_fields(self, error: Any) -> list[str]:
        """What is wrong with each field; in the API's words only where the problem says nothing else."""
        pointing = error.reason_code in POINTING or error.reason_code not in PROBLEMS
        said = (
            (each.pointer, self._field(each) or (each.detail if pointing else "")) for each in error.errors
        )
        return [f"{self.field_name(pointer)}: {text}" for pointer, text in said if text]

    def _field(self, error: FieldError) -> str | None:
        return self.findings.said(FIELDS.get(error.code), error.params)

    def field_name(self, pointer: str) -> str:
        """The last part of a JSON pointer that is no number, in the words of forms."""
        names = [part for part in pointer.split("/") if part and not part.isdecimal()]
        name = names[-1] if names else ""
        known = FIELD_NAMES.get(name) or CONFIG_FIELDS.get(name)
        return self._text(known) if known else name


# The first that matches: Edge says that it is Chrome, and Chrome that it is Safari.
BROWSERS = (("Edg/", "Edge"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS", "macOS"),
    ("Linux", "Linux"),
)
