"""Indexes by the queries of the lists, built beside readers and writers."""

from alembic import op

from shared.postgres.online import create_index, create_index_of_months

revision = "auth_0011"
down_revision = "auth_0010"

ORDER = "created_at DESC, id DESC"
AUDIT_LOGS = {
    "audit_logs_by_action": f"organization_id, action, {ORDER}",
    "audit_logs_by_user": f"user_id, organization_id, {ORDER}",
    "audit_logs_by_resource": f"organization_id, resource_id, {ORDER}",
    "audit_logs_by_key": f"organization_id, api_key_id, {ORDER}",
    "audit_logs_by_type": f"organization_id, resource_type, {ORDER}",
}


def upgrade() -> None:
    with op.get_context().autocommit_block():
        for name, columns in AUDIT_LOGS.items():
            create_index_of_months(name, "audit_logs", columns)
        create_index(
            "user_organizations_list", "user_organizations (organization_id, joined_at DESC, id DESC)"
        )
