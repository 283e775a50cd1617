"""Runs a service's migrations: Alembic, one environment for all, one version table per schema."""

import logging
import time
from datetime import timedelta
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy.exc import DBAPIError

from dinsight.installation import CommandError
from shared.jobs.retry import RetryPolicy
from shared.postgres.online import is_blocked

ROOT = Path(__file__).resolve().parents[2]
# Some minutes in all: a request or a job ends by then, a dump of much data may not.
RETRY = RetryPolicy(30, first_delay=timedelta(seconds=0.5), max_delay=timedelta(seconds=15))

logger = logging.getLogger(__name__)


def configuration(service: str, admin_dsn: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "alembic"))
    config.set_main_option("version_locations", str(ROOT / "services" / service / "migrations"))
    config.set_main_option("path_separator", "newline")
    config.attributes["service"] = service
    config.attributes["admin_dsn"] = admin_dsn
    # Who was last in the way of a migration.
    config.attributes["blockers"] = []
    return config


def upgrade(service: str, admin_dsn: str, *, retry: RetryPolicy = RETRY) -> None:
    """Migrate the service's schema to the newest revision. Parallel calls wait for each other.

    A migration that waits for a lock for more than a second is rolled back and tried again, so that it stops
    nobody for longer. Raises CommandError, which says who is in the way, after the last attempt; what is
    migrated by then stays.
    """
    config = configuration(service, admin_dsn)
    for attempt in range(1, retry.max_attempts + 1):
        try:
            command.upgrade(config, "head")
            return
        except DBAPIError as error:
            if not is_blocked(error):
                raise
            blockers = "; ".join(config.attributes["blockers"]) or "a session that has ended"
            if retry.is_last(attempt):
                raise CommandError(
                    f"The migration of {service} did not get a lock in {attempt} attempts. In its way is"
                    f" {blockers}. Wait until it ends, or end it (SELECT pg_terminate_backend(process)), and"
                    " run the command again: it continues."
                ) from error
            logger.warning("the migration of %s waits for a lock: %s", service, blockers)
            time.sleep(retry.delay(attempt).total_seconds())
