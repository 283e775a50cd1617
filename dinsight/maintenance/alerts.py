"""Steps of the alerting service: deletes resolved alerts and ended deliveries."""

from __future__ import annotations

from dinsight.maintenance.context import Done, MaintenanceContext, delete_rows
from shared.postgres.connection import Connection

SERVICE = "alerting"
# Resolved alerts, with their deliveries, except those of a machine on legal hold or with a message under way.
ALERTS = """
t.organization_id = $1 AND t.status = 'resolved' AND t.created_at < $2 AND t.resolved_at < $2
AND NOT EXISTS (SELECT FROM machine_refs m WHERE m.id = t.machine_id AND m.legal_hold)
AND NOT EXISTS (SELECT FROM deliveries d WHERE d.alert_id = t.id AND d.status = 'pending')
"""
# What analysis keeps of them for the fleet and for timelines; it is not counted again.
REPLICAS = """
t.organization_id = $1 AND t.status = 'resolved' AND t.resolved_at < $2
AND NOT EXISTS (SELECT FROM machine_refs m WHERE m.id = t.machine_id AND m.legal_hold)
"""
# Ended deliveries of alerts that are not due themselves.
DELIVERIES = """
t.organization_id = $1 AND t.status <> 'pending' AND t.finished_at < $2
AND NOT EXISTS (
    SELECT FROM alerts a JOIN machine_refs m ON m.id = a.machine_id
    WHERE a.id = t.alert_id AND (m.legal_hold OR (a.status = 'resolved' AND a.resolved_at < $3)))
"""


async def delete_alerts(context: MaintenanceContext, connection: Connection) -> Done:
    done = Done()
    for organization, limits in await context.limits(connection, SERVICE):
        before = context.now - limits.alerts
        await context.follow_holds(connection, SERVICE)
        done += await delete_rows(context, connection, SERVICE, "alerts", ALERTS, organization, before)
    for organization, limits in await context.limits(connection, "analysis"):
        before = context.now - limits.alerts
        await context.follow_holds(connection, "analysis")
        await delete_rows(context, connection, "analysis", "alert_refs", REPLICAS, organization, before)
    return done


async def delete_deliveries(context: MaintenanceContext, connection: Connection) -> Done:
    done = Done()
    for organization, limits in await context.limits(connection, SERVICE):
        values = (organization, context.now - limits.deliveries, context.now - limits.alerts)
        await context.follow_holds(connection, SERVICE)
        done += await delete_rows(context, connection, SERVICE, "deliveries", DELIVERIES, *values)
    return done
