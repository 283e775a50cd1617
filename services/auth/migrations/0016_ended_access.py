"""Memberships can be suspended; an index for the list of all accounts, built beside readers and writers."""

from alembic import op

from shared.postgres.online import create_index

revision = "auth_0016"
down_revision = "auth_0015"


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute(
            "ALTER TABLE user_organizations ADD COLUMN IF NOT EXISTS is_active BOOLEAN NOT NULL DEFAULT true"
        )
        create_index("users_page", "users (created_at DESC, id DESC)")
