"""Steps of migrations that run beside the services: outside of a transaction, or in one of their own.

For `with op.get_context().autocommit_block():`. A migration with such steps must be safe to repeat as a
whole, since it may be interrupted after any of them.
"""

import time

import structlog
from alembic import op
from sqlalchemy.exc import DBAPIError

from shared.postgres.patience import RETRY

# Lock not available in time; deadlock.
BLOCKED_STATES = ("55P03", "40P01")

logger = structlog.get_logger(__name__)


def is_blocked(error: DBAPIError) -> bool:
    """Whether a lock was in the way, so that the same statement may succeed later."""
    return getattr(error.orig, "sqlstate", None) in BLOCKED_STATES


def ask(question: str) -> str:
    """The answer of a query with one value, as text."""
    return str(op.get_bind().exec_driver_sql(question).scalar())


def ask_all(question: str) -> list[str]:
    """The values of a query with one column, as text."""
    return [str(value) for value in op.get_bind().exec_driver_sql(question).scalars()]


def insist(statement: str) -> int:
    """Execute one statement, again and again while a lock is in its way. Returns the number of rows."""
    for attempt in range(1, RETRY.max_attempts):
        try:
            return op.get_bind().exec_driver_sql(statement).rowcount
        except DBAPIError as error:
            if not is_blocked(error):
                raise
            logger.info("waiting for a lock", attempt=attempt, error=str(error.orig))
            time.sleep(RETRY.delay(attempt).total_seconds())
    return op.get_bind().exec_driver_sql(statement).rowcount


def insist_on_all(script: str) -> None:
    """Execute the statements of a script in one transaction of their own, as above."""
    insist(f"DO $script$ BEGIN\n{script}\nEND $script$")


def create_index(name: str, on: str) -> None:
    """Create an index beside readers and writers. What an interrupted attempt has left is dropped first."""
    invalid = f"SELECT count(*) FROM pg_index WHERE indexrelid = to_regclass('{name}') AND NOT indisvalid"  # noqa: S608 - a name
    if ask(invalid) != "0":
        insist(f"DROP INDEX CONCURRENTLY {name}")
    insist(f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} ON {on}")


def create_index_of_months(name: str, table: str, columns: str, where: str = "") -> None:
    """Create an index of a partitioned table beside readers and writers: on every partition, then as a whole.

    It has the rows that satisfy `where`. A partition made meanwhile gets the index when it is attached.
    """
    rows = f"({columns}) WHERE {where}" if where else f"({columns})"
    insist(f"CREATE INDEX IF NOT EXISTS {name} ON ONLY {table} {rows}")
    parts = f"SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = '{table}'::regclass"  # noqa: S608
    for part in ask_all(parts):
        indexed = (
            "SELECT count(*) FROM pg_inherits i JOIN pg_index x ON x.indexrelid = i.inhrelid"  # noqa: S608
            f" WHERE i.inhparent = '{name}'::regclass AND x.indrelid = '{part}'::regclass"
        )
        if ask(indexed) != "0":
            continue
        own = f"{part}_{name.removeprefix(table + '_')}"
        create_index(own, f"{part} {rows}")
        insist(f"ALTER INDEX {name} ATTACH PARTITION {own}")


def drop_index(name: str, *, partitioned: bool = False) -> None:
    """Drop an index. PostgreSQL drops one of a partitioned table only with its lock, which is brief."""
    insist(f"DROP INDEX {'' if partitioned else 'CONCURRENTLY '}IF EXISTS {name}")


def make_coming_months(table: str) -> None:
    """The partitions of this month and the next, for a version that does not make them when needed."""
    insist(
        f"SELECT make_month_partition('{table}', (now() + make_interval(months => step))::date)"  # noqa: S608
        " FROM generate_series(0, 1) AS step"
        f" WHERE EXISTS (SELECT FROM pg_partitioned_table WHERE partrelid = '{table}'::regclass)"
    )
