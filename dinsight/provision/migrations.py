"""Runs a service's migrations: Alembic, one environment for all, one version table per schema."""

import asyncio
import logging
import time
from datetime import timedelta
from enum import StrEnum
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import Script, ScriptDirectory
from sqlalchemy.exc import DBAPIError

from dinsight.administrator import connected, revision_of
from dinsight.installation import SERVICES, CommandError
from shared.jobs.retry import RetryPolicy
from shared.postgres.online import is_blocked


class Phase(StrEnum):
    """Before the first program of the migration's version starts, or after the last older one ended."""

    BEFORE = "before"
    AFTER = "after"


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


def upgrade(service: str, admin_dsn: str, *, after: bool = True, retry: RetryPolicy = RETRY) -> None:
    """Migrate the service's schema to the newest revision. Parallel calls wait for each other.

    Without `after`, migrations at the end of the chain wait that need every running program to be of this
    version. A schema without any revision gets all: no older version can run on it.

    A migration that waits for a lock for more than a second is rolled back and tried again, so that it stops
    nobody for longer. Raises CommandError, which says who is in the way, after the last attempt; what is
    migrated by then stays.
    """
    config = configuration(service, admin_dsn)
    everything = after or asyncio.run(_is_new(service, admin_dsn))
    revision = "head" if everything else last_before(config)
    for attempt in range(1, retry.max_attempts + 1):
        try:
            command.upgrade(config, revision)
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


def last_before(config: Config) -> str:
    """The newest revision that an older version can run on, as can everything up to it."""
    for script in ScriptDirectory.from_config(config).walk_revisions():
        if phase_of(script) is Phase.BEFORE:
            return script.revision
    raise ValueError("a chain of migrations cannot consist of after-deploy migrations only")


def phase_of(script: Script) -> Phase:
    """Migrations run before the deployment of their version unless their module says `phase = "after"`."""
    return Phase(getattr(script.module, "phase", Phase.BEFORE))


async def pending(admin_dsn: str) -> list[str]:
    """The newest revisions that schemas do not have yet, which are those that wait for `after`."""
    waiting = []
    async with connected(admin_dsn) as connection:
        for service in SERVICES:
            scripts = ScriptDirectory.from_config(configuration(service, admin_dsn))
            newest = scripts.get_current_head()
            if newest != await revision_of(connection, service):
                waiting.append(str(newest))
    return waiting


async def _is_new(service: str, admin_dsn: str) -> bool:
    async with connected(admin_dsn) as connection:
        return await revision_of(connection, service) is None
