"""Evaluates messages of the analysis service against rules: alerts open, continue or reopen."""

import time
from collections.abc import Callable
from uuid import UUID

from opentelemetry import metrics

from services.alerting.alerts.domain import Alert, Change, Finding
from services.alerting.alerts.notifier import Notifier
from services.alerting.database.unit import Unit, WatchingRule
from services.alerting.rules.compiled import ConditionCache
from services.alerting.rules.domain import Rule
from services.alerting.rules.signals import Severity
from shared.clock import Clock, IdGenerator


class Evaluator:
    """Callers of `observe` open the transaction and commit it."""

    def __init__(
        self, clock: Clock, new_id: IdGenerator, notifier: Notifier, conditions: ConditionCache
    ) -> None:
        self._clock = clock
        self._new_id = new_id
        self._notifier = notifier
        self._conditions = conditions
        meter = metrics.get_meter("dinsight.alerting")
        self._raised = meter.create_counter("dinsight_alerts_raised", "1", "Alerts opened, by severity")
        self._duration = meter.create_histogram(
            "dinsight_rule_evaluation_duration",
            "s",
            "Time to evaluate one message by all rules of its machine",
        )

    async def observe(self, unit: Unit, machine_id: UUID, interpret: Callable[[], Finding | None]) -> None:
        """Evaluate a message about a machine. `interpret` is called only if rules watch the machine."""
        started = time.perf_counter()
        watching = await unit.rules.lock_watching(machine_id)
        finding = interpret() if watching else None
        if finding is None:
            return
        if finding.analysis_id and await unit.replicas.analysis_deleted(finding.analysis_id):
            return
        for watch in watching:
            condition = self._conditions.of(watch.rule)
            severity = condition.judge(finding.observation, watch.rule.severity)
            if severity is not None:
                await self._record(unit, watch, finding, severity)
        self._duration.record(time.perf_counter() - started, {"source": finding.observation.source})

    async def _record(self, unit: Unit, watch: WatchingRule, finding: Finding, severity: Severity) -> None:
        rule = watch.rule
        alert = await unit.alerts.lock_open(rule.organization_id, rule.dedupe_key)
        if alert is None and not await self._open(unit, watch, finding, severity):
            # The unique index decides, whatever the locks: another transaction opened the alert.
            alert = await unit.alerts.lock_open(rule.organization_id, rule.dedupe_key)
        if alert is not None:
            await self._continue(unit, rule, alert, finding, severity)

    async def _open(self, unit: Unit, watch: WatchingRule, finding: Finding, severity: Severity) -> bool:
        rule, now = watch.rule, self._clock.now()
        reopen_within = self._conditions.of(rule).reopen_within
        if reopen_within is not None:
            recent = await unit.alerts.lock_resolved_since(rule, now - reopen_within)
            if recent is not None:
                alert = recent.reopened(finding, severity, now)
                await unit.alerts.update(alert)
                await self._notifier.notify(unit, rule, alert, Change.REOPENED)
                return True
        alert = Alert.raised(self._new_id(), rule, watch.machine_name, finding, severity, now)
        if not await unit.alerts.add(alert):
            return False
        await self._notifier.notify(unit, rule, alert, Change.RAISED)
        self._raised.add(1, {"severity": severity.label})
        return True

    async def _continue(
        self, unit: Unit, rule: Rule, alert: Alert, finding: Finding, severity: Severity
    ) -> None:
        alert, change = alert.seen(finding, severity, self._clock.now())
        await unit.alerts.update(alert)
        if change is not None:
            await self._notifier.notify(unit, rule, alert, change)
