"""Indexes for the lists of open alerts, of the alerts of a rule and of a person, and for the summary."""

from alembic import op

from shared.postgres.online import create_index

revision = "alerting_0018"
down_revision = "alerting_0016"

INDEXES = {
    "alerts_open_list": "alerts (organization_id, created_at DESC, id DESC, status, severity, machine_id,"
    " alert_rule_id, assigned_to) WHERE status <> 'resolved'",
    "alerts_rule_list": "alerts (alert_rule_id, created_at DESC, id DESC)",
    "alerts_assigned_list": "alerts (organization_id, assigned_to, created_at DESC, id DESC)"
    " WHERE assigned_to IS NOT NULL",
    "alerts_resolved": "alerts (organization_id, resolved_at) WHERE resolved_at IS NOT NULL",
}


def upgrade() -> None:
    with op.get_context().autocommit_block():
        for name, on in INDEXES.items():
            create_index(name, on)
