"""The life cycle of alerts: what rules say becomes alerts, and changes of alerts are announced.

Callers open the transaction and commit it. Every transaction locks in this order: rules, alerts, members.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from opentelemetry import metrics

from services.alerting.alerts.announcer import Announcer
from services.alerting.alerts.changes import OPENING, AlertChange, Transition, TransitionKind
from services.alerting.alerts.domain import Alert, AlertStatus, Change, Resolution, Seen
from services.alerting.database.unit import Unit
from services.alerting.rules.domain import Rule
from shared.clock import Clock, IdGenerator

# A pending alert that ends was none.
ENDING = (TransitionKind.RECOVER, TransitionKind.CLEAR)
# People are told of an alert that they were not told of.
TELLING = (TransitionKind.RAISE, TransitionKind.NO_DATA, TransitionKind.TELL)
RAISING = (TransitionKind.RAISE, TransitionKind.NO_DATA)
# The code of an alert that its rule cleared without giving one.
CLEARED = "cleared"


class AlertLifecycle:
    def __init__(self, clock: Clock, new_id: IdGenerator, announcer: Announcer) -> None:
        self._clock = clock
        self._new_id = new_id
        self._announcer = announcer
        self._raised = metrics.get_meter("dinsight.alerting").create_counter(
            "dinsight_alerts_raised", "1", "Alerts opened, by severity"
        )

    async def apply(self, unit: Unit, transitions: Sequence[Transition]) -> Sequence[AlertChange]:
        """Apply what rules of one organization say, in order, and announce the changes that follow.

        Findings of several transactions at once open one alert and are all counted.
        """
        if not transitions:
            return []
        organization_id = transitions[0].rule.organization_id
        keys = sorted({transition.dedupe_key for transition in transitions})
        known = {alert.dedupe_key: alert for alert in await unit.alerts.lock_open_of(organization_id, keys)}
        changes = []
        for transition in transitions:
            before = known.pop(transition.dedupe_key, None)
            alert, change = await self._apply(unit, before, transition)
            if alert is not None and alert.is_open:
                known[alert.dedupe_key] = alert
            if change is not None:
                await self._announcer.announce(unit, transition.rule, change)
                changes.append(change)
        return changes

    async def close_of_rule(
        self, unit: Unit, rule: Rule, how: Resolution, *, by: UUID | None = None
    ) -> Sequence[AlertChange]:
        """Resolve the open alerts of a rule, which the caller has locked, because of the rule itself."""
        # What it remembers, such as that missing data were noted, does not hold for what it judges next.
        await unit.series.forget(rule.id)
        found = await unit.alerts.lock_open_of_rule(rule.id)
        return [c for alert in found if (c := await self._close(unit, rule, alert, how, by))]

    async def close_of_machine(self, unit: Unit, machine_id: UUID, how: Resolution, limit: int) -> int:
        """Resolve up to `limit` open alerts of a machine, while its rules still exist. Returns how many."""
        found = await unit.alerts.lock_open_of_machine(machine_id, limit)
        for alert in found:
            await self._close(unit, await unit.rules.get(alert.alert_rule_id), alert, how, None)
        return len(found)

    async def _close(
        self, unit: Unit, rule: Rule | None, alert: Alert, how: Resolution, by: UUID | None
    ) -> AlertChange | None:
        if alert.status is AlertStatus.PENDING:
            await unit.alerts.discard(alert.id)
            return None
        now = self._clock.now()
        resolved = alert.resolved(by, how, now)
        await unit.alerts.update(resolved)
        change = AlertChange(resolved, Change.RESOLVED, now, how.note, by, how.code)
        await self._announcer.announce(unit, rule, change)
        return change

    async def _apply(
        self, unit: Unit, alert: Alert | None, transition: Transition
    ) -> tuple[Alert | None, AlertChange | None]:
        while alert is None:
            if transition.kind not in OPENING:
                return None, None
            if (opened := await self._open(unit, transition)) is not None:
                return opened
            # The unique index decides, whatever the locks: another transaction opened the alert.
            alert = await unit.alerts.lock_open(transition.rule.organization_id, transition.dedupe_key)
        if alert.status is AlertStatus.PENDING:
            if transition.kind in ENDING:
                await unit.alerts.discard(alert.id)
                return None, None
            if transition.kind in RAISING and (back := await self._reopen_for(unit, alert, transition)):
                return back
        after, kind = self._told(alert, transition, *self._continued(alert, transition))
        if after is not alert:
            await unit.alerts.update(after)
        return after, self._change(after, kind, transition)

    async def _open(self, unit: Unit, transition: Transition) -> tuple[Alert, AlertChange | None] | None:
        now, seen = self._clock.now(), _seen(transition)
        if transition.kind is TransitionKind.PENDING:
            alert = self._new(transition, seen, now, AlertStatus.PENDING)
            return (alert, None) if await unit.alerts.add(alert) else None
        if (recent := await self._recent(unit, transition)) is not None:
            alert = replace(recent.reopened_with(seen, now), untold=transition.quiet)
            if not await unit.alerts.reopen(alert):
                return None
            return alert, self._change(alert, Change.REOPENED, transition)
        alert = self._new(transition, seen, now, AlertStatus.ACTIVE)
        if not await unit.alerts.add(alert):
            return None
        self._raised.add(1, {"severity": alert.severity.label})
        return alert, self._change(alert, Change.RAISED, transition)

    async def _reopen_for(
        self, unit: Unit, pending: Alert, transition: Transition
    ) -> tuple[Alert, AlertChange | None] | None:
        """Continue the alert that was resolved recently, instead of raising the pending one beside it."""
        if (recent := await self._recent(unit, transition)) is None:
            return None
        seen = _seen(transition)
        seen = replace(
            seen, count=seen.count + pending.count, first_at=min(seen.first_at, pending.first_seen_at)
        )
        await unit.alerts.discard(pending.id)
        alert = replace(recent.reopened_with(seen, self._clock.now()), untold=transition.quiet)
        await unit.alerts.update(alert)
        return alert, self._change(alert, Change.REOPENED, transition)

    async def _recent(self, unit: Unit, transition: Transition) -> Alert | None:
        """The alert of the key that a rule wants reopened, if it was resolved recently enough."""
        if transition.reopen_within is None:
            return None
        since = self._clock.now() - transition.reopen_within
        return await unit.alerts.lock_resolved_since(transition.rule.id, transition.dedupe_key, since)

    def _new(self, transition: Transition, seen: Seen, now: datetime, status: AlertStatus) -> Alert:
        key = transition.dedupe_key
        return Alert.opened(
            self._new_id(),
            transition.rule,
            transition.machine_name,
            seen,
            now,
            status=status,
            dedupe_key=key,
            untold=transition.quiet,
        )

    def _continued(self, alert: Alert, transition: Transition) -> tuple[Alert, Change | None]:
        now, pending = self._clock.now(), alert.status is AlertStatus.PENDING
        match transition.kind:
            case TransitionKind.PENDING:
                return (alert.seen(_seen(transition), now)[0], None) if pending else (alert, None)
            case TransitionKind.RAISE | TransitionKind.NO_DATA if pending:
                self._raised.add(1, {"severity": alert.severity.label})
                return alert.activated(_seen(transition), now), Change.RAISED
            case TransitionKind.RAISE | TransitionKind.NO_DATA:
                return alert.seen(_seen(transition), now)
            case TransitionKind.SEVERITY if transition.severity is alert.severity:
                return alert, None
            case TransitionKind.SEVERITY:
                return alert.rated(transition.severity, now), None if pending else Change.SEVERITY_CHANGED
            case TransitionKind.RECOVER if alert.status is AlertStatus.RECOVERING:
                return alert, None
            case TransitionKind.RECOVER:
                return alert.recovering(now), Change.RECOVERING
            case TransitionKind.TELL:
                return alert, None
            case TransitionKind.CLEAR:
                how = Resolution(transition.reason, transition.code or CLEARED)
                return alert.resolved(None, how, now), Change.RESOLVED

    def _told(
        self, before: Alert, transition: Transition, after: Alert, kind: Change | None
    ) -> tuple[Alert, Change | None]:
        """People are told of an alert as soon as they may be."""
        if before.status is AlertStatus.PENDING:
            return replace(after, untold=transition.quiet), kind
        if transition.quiet:
            risen = after.severity > before.severity
            return (replace(after, untold=True) if risen else after), kind
        if before.untold and transition.kind in TELLING:
            return after.told(self._clock.now()), Change.REOPENED
        return after, kind

    def _change(self, alert: Alert, kind: Change | None, transition: Transition) -> AlertChange | None:
        if kind is None:
            return None
        return AlertChange(
            alert,
            kind,
            self._clock.now(),
            transition.reason,
            code=alert.resolve_code if kind is Change.RESOLVED else transition.code,
            quiet=transition.quiet,
        )


def _seen(transition: Transition) -> Seen:
    if transition.finding is None:
        raise ValueError(f"a transition of the kind {transition.kind} needs a finding")
    first_at = transition.first_at or transition.at
    return Seen(transition.finding, transition.severity, transition.count, first_at, transition.at)
