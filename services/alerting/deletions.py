"""What this service deletes of an organization, a machine, an analysis or an account.

The alerts of a deleted machine are resolved like others: everybody who was told of them is told of that. They
stay until their retention, as what people were told, with the names of the machine and the rule, and without
what refers to the data that are gone.
"""

import asyncio
from datetime import timedelta

from services.alerting.alerts.domain import Resolution
from services.alerting.alerts.lifecycle import AlertLifecycle
from services.alerting.database.postgres import PostgresUnits
from shared.access import Scope
from shared.clock import Clock
from shared.erasure.eraser import Steps
from shared.erasure.steps import (
    CANCEL_JOBS,
    MENTIONS,
    OF_ORGANIZATION,
    OF_USER,
    TURNS,
    Erased,
    Erasing,
    Query,
    Step,
    rows,
)
from shared.events.deletions import DeletionRequested
from shared.postgres.connection import Database

BATCH_ALERTS = 500
OWN = "organization_id = :subject"
OF_MACHINE = "machine_id = :subject"
OF_ALERTS_OF_MACHINE = f"alert_id IN (SELECT id FROM alerts WHERE {OF_MACHINE})"  # noqa: S608 - constants
# A rule with alerts stays as their name.
WITHOUT_ALERTS = f"{OF_MACHINE} AND NOT EXISTS (SELECT FROM alerts a WHERE a.alert_rule_id = alert_rules.id)"
MACHINE_DELETED = Resolution("The machine was deleted.", "machine_deleted")
# The last messages about alerts of a deleted machine close the incidents that other systems opened for them.
# They get this long: a receiver that does not answer by then must not delay the deletion.
PATIENCE = timedelta(seconds=30)
PAUSE_SECONDS = 0.2


class ResolveAlerts(Step):
    """Resolves the open alerts of a deleted machine, with their events and messages."""

    def __init__(self, units: PostgresUnits, lifecycle: AlertLifecycle) -> None:
        self._units = units
        self._lifecycle = lifecycle

    async def erase(self, erasing: Erasing) -> Erased:
        unit = self._units.on(erasing.connection)
        machine_id = erasing.deletion.subject_id
        closed = await self._lifecycle.close_of_machine(unit, machine_id, MACHINE_DELETED, BATCH_ALERTS)
        return Erased(more=closed >= BATCH_ALERTS)


class AwaitMessages(Step):
    """Waits for those events and messages, before the next step cancels what is not sent."""

    def __init__(self, units: PostgresUnits, clock: Clock) -> None:
        self._units = units
        self._clock = clock

    async def prepare(self, database: Database, scope: Scope, deletion: DeletionRequested) -> None:
        while self._clock.now() < deletion.requested_at + PATIENCE:
            async with database.transaction(scope) as connection:
                if not await self._units.queries.is_being_told(connection, machine_id=deletion.subject_id):
                    return
            await asyncio.sleep(PAUSE_SECONDS)

    async def erase(self, erasing: Erasing) -> Erased:
        return Erased()


def steps(units: PostgresUnits, lifecycle: AlertLifecycle, clock: Clock) -> Steps:
    return {
        "machine": (
            Query("", "tombstone_machine"),
            ResolveAlerts(units, lifecycle),
            AwaitMessages(units, clock),
            Query("", "retire_rules"),
            Query("", "erase_messages_of_machine"),
            rows("deliveries", "id", OF_ALERTS_OF_MACHINE, batch=BATCH_ALERTS),
            Query(
                "alerts (detached)", "detach_alerts_of_machine", BATCH_ALERTS, {"note": MACHINE_DELETED.note}
            ),
            Query("notification_resources", "erase_matchers_of_machine"),
            rows("series", "machine_id, number", OF_MACHINE),
            rows("series_heads", "machine_id", OF_MACHINE),
            rows("rule_states", "rule_id", OF_MACHINE),
            rows("alert_rules", "id", WITHOUT_ALERTS, batch=BATCH_ALERTS),
            *MENTIONS,
        ),
        "analysis": (
            Query("", "tombstone_analyses"),
            Query("", "detach_deliveries_of_analyses", BATCH_ALERTS),
            Query("alerts (detached)", "detach_alerts_of_analyses", BATCH_ALERTS),
            rows("series", "machine_id, number", "analysis_id::text = ANY (:subjects)"),
            *MENTIONS,
        ),
        "organization": (
            Query("", "tombstone_machines"),
            Query("", "tombstone_organization"),
            CANCEL_JOBS,
            rows("deliveries", "id", OWN, batch=BATCH_ALERTS),
            rows("alerts", "id", OWN, batch=BATCH_ALERTS),
            rows("rule_states", "rule_id", OWN),
            rows("alert_rules", "id", OWN, batch=BATCH_ALERTS),
            rows("notification_resources", "id", OWN),
            rows("delivery_targets", "organization_id, target_key", OWN),
            rows("series", "machine_id, number", OWN),
            rows("series_heads", "machine_id", OWN),
            rows("rule_templates", "id", OWN),
            rows("alert_budgets", "organization_id", OWN),
            rows("deleted_analyses", "analysis_id", OWN),
            rows("member_refs", "organization_id, user_id", OWN),
            *OF_ORGANIZATION,
            TURNS,
        ),
        "user": OF_USER,
    }
