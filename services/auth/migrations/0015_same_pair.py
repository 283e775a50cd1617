"""A refresh token repeated within the grace gets the same successor, sealed so that only it can read it."""

from shared.postgres.ddl import run

revision = "auth_0015"
down_revision = "auth_0014"


def upgrade() -> None:
    run("ALTER TABLE refresh_tokens ADD COLUMN sealed_successor BYTEA;")
