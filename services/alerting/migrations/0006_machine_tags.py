"""The replica of machines has tags and legal hold.

`complete_version` is the version of the machine that all columns of its row show. The version that still runs
beside this one stores newer versions without the new columns; the new consumer group reads the topic again
from its beginning, and completes them.
"""

from shared.postgres.ddl import run

revision = "alerting_0006"
down_revision = "alerting_0005"

COLUMNS = """
ALTER TABLE machine_refs ADD COLUMN tags TEXT[] NOT NULL DEFAULT '{}',
    ADD COLUMN legal_hold BOOLEAN NOT NULL DEFAULT false,
    ADD COLUMN complete_version BIGINT NOT NULL DEFAULT 0;
"""


def upgrade() -> None:
    run(COLUMNS)
