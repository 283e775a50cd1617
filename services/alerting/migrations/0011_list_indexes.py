"""One index for the list of alerts, with every filter behind the order of the list."""

from alembic import op

from shared.postgres.online import create_index, drop_index

revision = "alerting_0011"
down_revision = "alerting_0010"

ALERTS = "alerts (organization_id, created_at DESC, id DESC, status, severity, machine_id)"


def upgrade() -> None:
    with op.get_context().autocommit_block():
        create_index("alerts_list", ALERTS)
        drop_index("alerts_page")
