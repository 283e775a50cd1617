"""What this service deletes of an analysis, a machine, an organization or an account.

Analyses are marked with the deletion first: nothing else happens to them from then on, and all further steps
find what is theirs by that mark, whatever the deletion is of.
"""

from collections.abc import Sequence
from uuid import UUID

from services.analysis.deletions.objects import DiscardedObjects
from services.analysis.objects.store import Storage
from shared.erasure.eraser import Steps
from shared.erasure.steps import (
    BATCH_ROWS,
    CANCEL_JOBS,
    MENTIONS,
    OF_ORGANIZATION,
    OF_USER,
    TURNS,
    Erased,
    Erasing,
    Query,
    Step,
    rows,
)
from shared.postgres.queries import Queries

# Anomalies are many and small.
BATCH_ANOMALIES = 2_000
BATCH_ANALYSES = 50
# Each statement derives the sums of the machines again, so few statements are better than many.
BATCH_COUNTS = 5_000
OF_DOOMED = "analysis_id IN (SELECT id FROM analyses WHERE deletion_id = :deletion)"


class DoomedAnalyses(Step):
    """Marks the analyses of a machine or of an organization."""

    async def erase(self, erasing: Erasing) -> Erased:
        deletion = erasing.deletion
        machine = deletion.subject_id if deletion.kind == "machine" else None
        marked = await erasing.queries.mark_analyses_deleting(
            erasing.connection, **erasing.ids, machine=machine, batch=BATCH_ANALYSES
        )
        return Erased(more=marked == BATCH_ANALYSES)


class MarkedAnalyses(Step):
    """Deletes analyses whose bulk is gone, with their maps and uploads, and discards their objects."""

    async def erase(self, erasing: Erasing) -> Erased:
        queries, connection = erasing.queries, erasing.connection
        deleting = queries.next_deleting(connection, **erasing.ids, batch=BATCH_ANALYSES)
        found = [row async for row in deleting]
        ids = [row["id"] for row in found]
        maps = [row["dinsight_id"] for row in found if row["analysis_type"] == "baseline"]
        await queries.discard_of_analyses(connection, **erasing.ids, ids=ids)
        gone = {
            "analysis_archives": await queries.erase_archives(connection, ids=ids),
            "analyses": await queries.erase_analyses(connection, ids=ids),
        }
        unused = queries.unused_uploads(connection, ids=[row["file_upload_id"] for row in found])
        gone |= await _erase_uploads(erasing, [row["id"] async for row in unused], maps)
        return Erased(gone, more=len(ids) == BATCH_ANALYSES)


class LeftUploads(Step):
    """Deletes the uploads and maps of an organization that belong to no analysis."""

    async def erase(self, erasing: Erasing) -> Erased:
        left = erasing.queries.uploads_of_organization(
            erasing.connection, **erasing.ids, batch=BATCH_ANALYSES
        )
        ids = [row["id"] async for row in left]
        return Erased(await _erase_uploads(erasing, ids, []), more=len(ids) == BATCH_ANALYSES)


async def _erase_uploads(
    erasing: Erasing, ids: Sequence[UUID], maps: Sequence[UUID | None]
) -> dict[str, int]:
    queries, connection = erasing.queries, erasing.connection
    await queries.discard_of_uploads(connection, **erasing.ids, ids=ids)
    return {
        "dinsight_data": await queries.erase_maps(connection, ids=ids, maps=maps),
        "file_uploads": await queries.erase_uploads(connection, ids=ids),
    }


def _sums(owner: str) -> tuple[Step, ...]:
    """What is kept per machine. The state goes last: it is the lock of the sums."""
    of_subject = f"{owner} = :subject"
    return (
        rows("alert_refs", "id", of_subject),
        rows("machine_baselines", "machine_id", of_subject),
        rows("machine_hours", "machine_id, hour, severity", of_subject, batch=BATCH_COUNTS),
        rows("machine_days", "machine_id, day, severity", of_subject, batch=BATCH_COUNTS),
        rows("machine_states", "machine_id", of_subject),
    )


def _sources(owner: str) -> tuple[Step, ...]:
    of_subject = f"source_id IN (SELECT id FROM sources WHERE {owner} = :subject)"  # noqa: S608
    return (
        rows("source_files", "id", of_subject, batch=BATCH_COUNTS),
        rows("sources", "id", f"{owner} = :subject"),
    )


def steps(storage: Storage, queries: Queries) -> Steps:
    objects = DiscardedObjects(storage, queries)
    marked = (
        Query("monitor_chunks", "erase_chunks", BATCH_ROWS),
        Query("anomalies", "erase_anomalies", BATCH_ANOMALIES),
        Query("monitor_data", "erase_monitor", BATCH_ROWS),
        Query("monitor_packed", "erase_packed", BATCH_ROWS),
        Query("feature_data", "erase_features", BATCH_ROWS),
        rows("run_hours", "analysis_id, hour, severity", OF_DOOMED, batch=BATCH_COUNTS),
        rows("run_summaries", "analysis_id", OF_DOOMED),
        MarkedAnalyses(),
    )
    return {
        "analysis": (*marked, objects, *MENTIONS),
        "machine": (
            Query("", "tombstone_machine"),
            # First of all, so that nothing new is taken.
            *_sources("machine_id"),
            DoomedAnalyses(),
            *marked,
            *_sums("machine_id"),
            objects,
            *MENTIONS,
        ),
        "organization": (
            Query("", "tombstone_machines"),
            Query("", "tombstone_organization"),
            CANCEL_JOBS,
            *_sources("organization_id"),
            DoomedAnalyses(),
            *marked,
            Query("monitor_data", "erase_monitor_of_organization", BATCH_ROWS),
            Query("monitor_packed", "erase_packed_of_organization", BATCH_ROWS),
            Query("feature_data", "erase_features_of_organization", BATCH_ROWS),
            LeftUploads(),
            *_sums("organization_id"),
            Query("config_data", "erase_configs", BATCH_ROWS),
            objects,
            *OF_ORGANIZATION,
            TURNS,
        ),
        "user": OF_USER,
    }
