"""Foreign keys that no index served get one, without which deleting a member reads every rule and alert."""

from alembic import op

from shared.postgres.online import create_index

revision = "alerting_0008"
down_revision = "alerting_0007"

INDEXES = {
    "alert_rules_created_by": "alert_rules (organization_id, created_by)",
    "alerts_acknowledged_by": "alerts (organization_id, acknowledged_by)",
    "alerts_resolved_by": "alerts (organization_id, resolved_by)",
}


def upgrade() -> None:
    with op.get_context().autocommit_block():
        for name, on in INDEXES.items():
            create_index(name, on)
