"""Units of work without a running service."""

from services.auth.database.unit import PostgresUnits
from shared.clock import SystemClock, time_ordered_id
from shared.jobs.postgres import PostgresQueue
from shared.postgres.connection import Database


def units_of(database: Database) -> PostgresUnits:
    return PostgresUnits(database, PostgresQueue(database, service="auth"), SystemClock(), time_ordered_id)
