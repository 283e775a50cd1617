"""The replica of machines has model, location, tags and legal hold.

`complete_version` is the version of the machine that all columns of its row show. The version that still runs
beside this one stores newer versions without the new columns; the new consumer group reads the topic again
from its beginning, and completes them.
"""

from shared.postgres.ddl import run

revision = "analysis_0010"
down_revision = "analysis_0009"

COLUMNS = """
ALTER TABLE machine_refs ADD COLUMN model VARCHAR(255), ADD COLUMN location VARCHAR(500),
    ADD COLUMN tags TEXT[] NOT NULL DEFAULT '{}',
    ADD COLUMN legal_hold BOOLEAN NOT NULL DEFAULT false,
    ADD COLUMN complete_version BIGINT NOT NULL DEFAULT 0;
"""


def upgrade() -> None:
    run(COLUMNS)
