"""No older version runs any more: addresses of webhooks and kept answers are sealed from now on.

The service seals the existing rows in batches, because the database has no keys.
"""

from shared.postgres.ddl import SEALS, run

revision = "alerting_0013"
down_revision = "alerting_0019"
phase = "after"


def upgrade() -> None:
    run(SEALS)
