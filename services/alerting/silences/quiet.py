"""Finds out whether an alert notifies anybody at a moment."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from services.alerting.alerts.domain import Alert
from services.alerting.database.unit import Unit
from services.alerting.maintenance_windows.domain import Schedule
from services.alerting.reasons import Reason
from services.alerting.replicas.domain import MachineRef
from services.alerting.resources.domain import Kind, Resource
from services.alerting.rules.conditions import schedule_of
from services.alerting.rules.domain import Rule
from services.alerting.silences.domain import Matched, Matcher, Quiet

FAILING = "failing"
# Whatever ends a silence or the precedence of a more severe alert wakes the alerts that it sees. What it does
# not see, such as an alert that is being raised, is noticed after this.
LOOK_AGAIN = timedelta(minutes=5)
# A rule that is muted for good is looked at again so seldom.
ALWAYS_MUTED = timedelta(days=7)


async def quiet(unit: Unit, rule: Rule, alert: Alert, at: datetime) -> Quiet | None:
    """Why and until when the alert notifies nobody; None if it does."""
    machine = await unit.replicas.machine(alert.machine_id)
    matched = _matched(machine, alert, rule)
    resources = await unit.resources.current([Kind.SILENCE, Kind.MAINTENANCE_WINDOW], at)
    found = [reason for each in resources if (reason := _quiet_by(each, matched, at))]
    if muted := _muted(rule, at):
        found.append(muted)
    if inhibiting := await _inhibited(unit, rule, alert, at):
        found.append(inhibiting)
    return max(found, key=lambda each: each.until, default=None)


def inhibits(rule: Rule) -> bool:
    """Whether open alerts of the rule keep less severe ones of the machine back."""
    chosen = rule.actions.inhibits
    return _asks_for_failing(rule.condition.get("when")) if chosen is None else chosen


def _quiet_by(resource: Resource, matched: Matched, at: datetime) -> Quiet | None:
    document, name = resource.document, resource.name
    if not Matcher.load(document["matcher"]).matches(matched):
        return None
    if resource.kind is Kind.SILENCE:
        started = datetime.fromisoformat(document["starts_at"]) <= at
        ends_at = resource.ends_at
        reason = Reason(f"silence {name!r}", "silence", {"name": name})
        return Quiet(reason, ends_at) if started and ends_at else None
    occurrence = Schedule.load(document["schedule"]).at(at)
    if occurrence is None:
        return None
    reason = Reason(f"maintenance window {name!r}", "maintenance_window", {"name": name})
    return Quiet(reason, occurrence.ends_at)


def _muted(rule: Rule, at: datetime) -> Quiet | None:
    schedule = schedule_of(rule.condition)
    if schedule is None or not schedule.muted(at):
        return None
    until = schedule.ends(at) or at + ALWAYS_MUTED
    return Quiet(Reason("muted time of the rule", "muted_time"), until)


async def _inhibited(unit: Unit, rule: Rule, alert: Alert, at: datetime) -> Quiet | None:
    for other in await unit.ledger.open_beside(alert.machine_id):
        if other.id == alert.id or other.severity <= alert.severity or other.rule_id == rule.id:
            continue
        more_severe = await unit.rules.get(other.rule_id)
        if more_severe is not None and inhibits(more_severe):
            said = f"open alert of the rule {more_severe.name!r}"
            return Quiet(Reason(said, "more_severe_alert", {"rule": more_severe.name}), at + LOOK_AGAIN)
    return None


def _matched(machine: MachineRef | None, alert: Alert, rule: Rule) -> Matched:
    tags, location = (frozenset(machine.tags), machine.location) if machine else (frozenset[str](), None)
    return Matched(rule.id, alert.machine_id, alert.severity, tags, location)


def _asks_for_failing(node: Any) -> bool:
    if isinstance(node, Mapping):
        if node.get("signal") == "health.state" and node.get("op") in ("eq", "in"):
            value = node.get("value")
            return value == FAILING or (isinstance(value, list) and FAILING in value)
        return any(_asks_for_failing(each) for key, each in node.items() if key in ("all", "any"))
    return isinstance(node, list) and any(_asks_for_failing(each) for each in node)
