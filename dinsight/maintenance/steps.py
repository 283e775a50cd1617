"""The steps of maintenance, each of which can be interrupted anywhere and run again, and a run of all."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass

import asyncpg
import structlog
from obstore.exceptions import BaseError

from dinsight.maintenance import runs
from dinsight.maintenance.alerts import delete_alerts, delete_deliveries
from dinsight.maintenance.analyses import archive_analyses, delete_archives, delete_uploads
from dinsight.maintenance.answers import delete_answers
from dinsight.maintenance.compression import compress_results
from dinsight.maintenance.context import AnotherRun, Done, MaintenanceContext, as_document
from dinsight.maintenance.trail import ExportDamaged, delete_entries
from services.analysis.archives.errors import ArchiveDamaged, RowsChanged
from shared.postgres.connection import Connection

Step = Callable[[MaintenanceContext, Connection], Awaitable[Done]]
STEPS: Mapping[str, Step] = {
    "results and features compressed": compress_results,
    "analyses archived": archive_analyses,
    "archives deleted": delete_archives,
    "uploaded files deleted": delete_uploads,
    "audit entries deleted": delete_entries,
    "alerts deleted": delete_alerts,
    "deliveries deleted": delete_deliveries,
    "kept answers deleted": delete_answers,
}
# What one step can meet without the others being affected. The next run tries it again.
ERRORS = (asyncpg.PostgresError, OSError, BaseError, ArchiveDamaged, RowsChanged, ExportDamaged)

logger = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Outcome:
    """`error` is why the step stopped; what it did before stays done."""

    step: str
    done: Done
    error: str | None = None


async def run(context: MaintenanceContext, steps: Mapping[str, Step] = STEPS) -> AsyncIterator[Outcome]:
    """Run the steps, one after the other. A run is recorded, a dry run is not."""
    run_id, outcomes = context.new_id(), []
    if not context.dry_run:
        async with context.connected() as connection:
            await runs.begin(connection, run_id, context.now)
    for name, step in steps.items():
        outcome = await _outcome(context, name, step)
        outcomes.append(outcome)
        yield outcome
    if not context.dry_run:
        document = {one.step: {**as_document(one.done), "error": one.error} for one in outcomes}
        successful = all(one.error is None for one in outcomes)
        async with context.connected() as connection:
            await runs.end(connection, run_id, context.now, document, successful=successful)


async def _outcome(context: MaintenanceContext, name: str, step: Step) -> Outcome:
    try:
        async with context.alone(name) as connection:
            return Outcome(name, await step(context, connection))
    except AnotherRun:
        return Outcome(name, Done(notes=("skipped: another run is executing this step",)))
    except ERRORS as error:
        logger.error("step of maintenance failed", step=name, exc_info=error)
        return Outcome(name, Done(), f"{type(error).__name__}: {error}")
