"""What belongs to no organization, such as sign-ins, newest first: for organizations of many members."""

from alembic import op

from shared.postgres.online import create_index_of_months

revision = "auth_0019"
down_revision = "auth_0018"


def upgrade() -> None:
    with op.get_context().autocommit_block():
        create_index_of_months(
            "audit_logs_personal", "audit_logs", "created_at DESC, id DESC", "organization_id IS NULL"
        )
