"""Samples that were not judged: up to which share of missing features they are, and distances that are NaN.

To PostgreSQL, NaN is larger than every number. A chunk of which nothing was judged has no highest distance.
"""

from shared.postgres.ddl import run

revision = "analysis_0020"
down_revision = "analysis_0019"

# The default is a constant, so no row is rewritten.
COLUMN = "ALTER TABLE config_data ADD COLUMN max_missing FLOAT NOT NULL DEFAULT 0.5;"
HIGHEST = """
ALTER TABLE monitor_packed ALTER COLUMN highest_distance DROP NOT NULL;
CREATE OR REPLACE FUNCTION highest(numbers double precision[]) RETURNS double precision
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT max(number) FILTER (WHERE number <> 'NaN') FROM unnest(numbers) AS number
$$;
"""


def upgrade() -> None:
    run(COLUMN)
    run(HIGHEST)
