"""Evaluates messages of the analysis service against rules, and applies what follows for alerts."""

import time
from collections.abc import Callable
from uuid import UUID

from opentelemetry import metrics

from services.alerting.alerts.changes import Transition, TransitionKind
from services.alerting.alerts.domain import Finding
from services.alerting.alerts.lifecycle import AlertLifecycle
from services.alerting.database.unit import Unit
from services.alerting.rules.compiled import ConditionCache


class Evaluator:
    """Callers of `observe` open the transaction and commit it."""

    def __init__(self, lifecycle: AlertLifecycle, conditions: ConditionCache) -> None:
        self._lifecycle = lifecycle
        self._conditions = conditions
        self._duration = metrics.get_meter("dinsight.alerting").create_histogram(
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
        transitions = []
        for watch in watching:
            condition = self._conditions.of(watch.rule)
            severity = condition.judge(finding.observation, watch.rule.severity)
            if severity is not None:
                transitions.append(
                    Transition(
                        TransitionKind.RAISE,
                        watch.rule,
                        watch.machine_name,
                        finding.observed_at,
                        severity,
                        finding,
                        reopen_within=condition.reopen_within,
                    )
                )
        await self._lifecycle.apply(unit, transitions)
        self._duration.record(time.perf_counter() - started, {"source": finding.observation.source})
