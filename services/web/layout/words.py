"""Words for the API's codes, in the visitor's language.

A code that is not known here is shown in the API's own English words: a newer service must not empty a page.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from services.web.layout.marked import N_
from services.web.layout.terms import Terms

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
    "given_up": N_("Notice that nobody got a message"),
}
# Why the service changed an alert by itself.
REASONS: Mapping[str, str] = {
    "cleared": N_("The condition holds no longer."),
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
    "grouped": N_("Told together with others"),
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
        """Of an entry of a timeline: what a person or a receiver wrote, or why the service acted."""
        known = REASONS.get(entry.get("code") or "")
        return self._text(known) if known else entry.get("reason")

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

    def problem(self, error: Any) -> str:
        """What went wrong, by its code; else in the words of whoever reports it."""
        known = PROBLEMS.get(error.reason_code) or PROBLEMS.get(error.code)
        if known is None:
            return str(error.detail)
        try:
            return self._text(known).format(**error.params)
        except (KeyError, IndexError, ValueError):
            return str(error.detail)


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
PROBLEMS: Mapping[str, str] = {
    "not-found": N_("This does not exist, or it belongs to another organization."),
    "forbidden": N_("Your role does not allow this. Ask an administrator of your organization."),
    "unavailable": N_("The service is not available at the moment. Nothing was changed; try again shortly."),
    "service-down": N_("The service is not available at the moment. Nothing was changed; try again shortly."),
    "api-broken": N_("The platform does not respond. Nothing is lost; try again shortly."),
    "answer-broken": N_("The connection broke. Check whether your change was made before you repeat it."),
    "answer-too-late": N_(
        "The answer took too long. Check whether your change was made before you repeat it."
    ),
    "too-many-requests": N_("Too many requests. Wait a minute, then try again."),
    "signed-out": N_("Your session has ended. Sign in again."),
    "silences-everything": N_(
        "Choose a machine, a rule, a location or a tag. To keep a whole plant quiet, plan maintenance."
    ),
    "name-taken": N_("The name {name} is taken. Choose another one."),
    "in-use": N_("{name} keeps its name and cannot be deleted while {user} notifies it. Change that first."),
    "not-your-shift": N_(
        "You may take over a shift, or give one of your own away. Ask an administrator to arrange others."
    ),
    "not-a-member": N_("Not everybody is a member of the organization. Nothing was saved."),
    "foreign-form": N_("This form is no longer current. Reload the page and try again."),
    "wrong-credentials": N_("The e-mail address or the password is wrong."),
    "challenge-ended": N_("This took too long, or there were too many wrong answers. Sign in again."),
    "wrong-second-factor": N_("That is not right, or it was used before. Try again, or use another way."),
    "wrong-code": N_("The code is wrong. Check the clock of the device, and enter the newest code."),
    "passkey-refused": N_("The passkey could not be verified. Try again."),
    "passkey-known": N_("This passkey is registered already."),
    "too-many-attempts": N_("Too many attempts. Wait a little, then try again."),
    "sign-in-too-old": N_("You signed in a while ago. Sign out and in again, then repeat this."),
    "sign-in-too-weak": N_(
        "This organization asks for more when you sign in: a second factor, which you can add under Your"
        " account, or the sign-in provider."
    ),
    "own-sign-in-too-weak": N_(
        "Your own sign-in does not meet this rule, so you would lock yourself out. Sign in that way first."
    ),
    "password-sign-in-disabled": N_("There are no passwords here. Sign in through the provider."),
    "registration-closed": N_("No new accounts are accepted here. Ask the operator."),
    "registration-needs-invitation": N_("New accounts need an invitation. Ask an administrator for one."),
    "provider-account": N_("Your account signs in through the provider and has no password here."),
    "email-not-verified": N_("Your e-mail address is not verified yet. We have sent you a link."),
}
