"""A configuration asks for a rate of false alarms, or for a number of standard deviations, or for neither.

Configurations that are there keep their number of standard deviations; new ones have neither, which is the
engine's default rate.
"""

from shared.postgres.ddl import run

revision = "analysis_0019"
down_revision = "analysis_0018"

COLUMNS = """
ALTER TABLE config_data ADD COLUMN false_alarm_rate DOUBLE PRECISION;
ALTER TABLE config_data ALTER COLUMN sensitivity DROP NOT NULL, ALTER COLUMN sensitivity DROP DEFAULT;
"""


def upgrade() -> None:
    run(COLUMNS)
