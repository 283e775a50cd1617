"""What this service deletes of an analysis, a machine, an organization or an account.

Analyses are marked with the deletion first: nothing else happens to them from then on, and all further steps
find what is theirs by that mark, whatever the deletion is of.
"""

from services.analysis.deletions.objects import DiscardedObjects
from services.analysis.objects.store import Storage
from shared.erasure.eraser import Steps
from shared.erasure.steps import (
    CANCEL_JOBS,
    MENTIONS,
    OF_ORGANIZATION,
    OF_USER,
    TURNS,
    Erased,
    Erasing,
    Statement,
    Step,
    filled,
    rows,
)

# Anomalies are many and small.
BATCH_ANOMALIES = 2_000
BATCH_ANALYSES = 50

# A machine that no event has told of yet gets a tombstone, too: no upload and no event brings it back.
BURY_MACHINE = """
INSERT INTO machine_refs AS m (id, organization_id, name, status, version, complete_version, deleted,
                               changed_at)
VALUES (:subject, nullif(current_setting('app.organization_id', true), '')::uuid, '', 'retired', 0, 0, true,
        clock_timestamp())
ON CONFLICT (id) DO UPDATE SET deleted = true, name = '', model = NULL, location = NULL, tags = '{}'
WHERE m.name <> '' OR NOT m.deleted
"""
BURY_MACHINES = """
UPDATE machine_refs SET deleted = true, name = '', model = NULL, location = NULL, tags = '{}'
WHERE organization_id = :subject AND (name <> '' OR NOT deleted)
"""
BURY_ORGANIZATION = """
UPDATE organization_refs SET deleted = true, retention = '{}'
WHERE organization_id = :subject AND (NOT deleted OR retention <> '{}')
"""
# A worker that is busy with one of them loses its lease. Analyses are locked before their jobs, as always.
MARK = """
WITH doomed AS (
    UPDATE analyses SET status = 'deleting', stage = NULL, deletion_id = :deletion
    WHERE id IN (SELECT id FROM analyses WHERE {column} = :subject AND deletion_id IS DISTINCT FROM :deletion
                 ORDER BY id LIMIT $1 FOR UPDATE)
    RETURNING id
), cancelled AS (
    DELETE FROM jobs USING doomed WHERE jobs.subject_id = doomed.id
)
SELECT count(*) FROM doomed
"""
DOOMED = "analysis_id IN (SELECT id FROM analyses WHERE deletion_id = :deletion)"
DOOMED_MAPS = "SELECT dinsight_id FROM analyses WHERE deletion_id = :deletion AND analysis_type = 'baseline'"
# An upload of an imported installation may have several analyses.
DOOMED_UPLOADS = """file_upload_id IN (
    SELECT a.file_upload_id FROM analyses a WHERE a.deletion_id = :deletion AND NOT EXISTS (
        SELECT FROM analyses o
        WHERE o.file_upload_id = a.file_upload_id AND o.deletion_id IS DISTINCT FROM :deletion))
"""

# Runs before the baselines that they stand on.
NEXT_ANALYSES = """
SELECT id, file_upload_id, dinsight_id, analysis_type FROM analyses WHERE deletion_id = :deletion
ORDER BY analysis_type = 'baseline', id LIMIT $1 FOR UPDATE
"""
DISCARD_OF_ANALYSES = """
INSERT INTO discarded_objects (prefix, deletion_id)
SELECT place || id || '/', :deletion
FROM unnest($1::uuid[]) AS id, unnest(ARRAY['models/', 'archives/']) AS place
"""
DELETE_ARCHIVES = "DELETE FROM analysis_archives WHERE analysis_id = ANY ($1::uuid[])"
DELETE_ANALYSES = "DELETE FROM analyses WHERE id = ANY ($1::uuid[])"
UNUSED_UPLOADS = """
SELECT id FROM file_uploads f
WHERE id = ANY ($1::uuid[]) AND NOT EXISTS (SELECT FROM analyses a WHERE a.file_upload_id = f.id)
"""
# Of an organization alone: what an import left without an analysis.
NEXT_UPLOADS = "SELECT id FROM file_uploads WHERE organization_id = :subject ORDER BY id LIMIT $1"
DISCARD_OF_UPLOADS = """
INSERT INTO discarded_objects (prefix, deletion_id)
SELECT file_path || '/', :deletion FROM file_uploads WHERE id = ANY ($1::uuid[]) AND file_path IS NOT NULL
UNION ALL
SELECT model_key, :deletion FROM dinsight_data
WHERE file_upload_id = ANY ($1::uuid[]) AND model_key NOT LIKE 'models/%'
"""
DELETE_MAPS = "DELETE FROM dinsight_data WHERE id = ANY ($1::uuid[]) OR file_upload_id = ANY ($2::uuid[])"
DELETE_UPLOADS = "DELETE FROM file_uploads WHERE id = ANY ($1::uuid[])"


async def _count(erasing: Erasing, sql: str, *values: object) -> int:
    status: str = await erasing.connection.execute(filled(sql, erasing.deletion), *values)
    return int(status.rpartition(" ")[2])


class Mark(Step):
    def __init__(self, column: str) -> None:
        self._sql = MARK.format(column=column)

    async def erase(self, erasing: Erasing) -> Erased:
        marked = await erasing.connection.fetchval(filled(self._sql, erasing.deletion), BATCH_ANALYSES)
        return Erased(more=marked == BATCH_ANALYSES)


class Analyses(Step):
    """Deletes analyses whose bulk is gone, with their maps and uploads, and discards their objects."""

    async def erase(self, erasing: Erasing) -> Erased:
        found = await erasing.connection.fetch(filled(NEXT_ANALYSES, erasing.deletion), BATCH_ANALYSES)
        ids = [row["id"] for row in found]
        maps = [row["dinsight_id"] for row in found if row["analysis_type"] == "baseline"]
        await _count(erasing, DISCARD_OF_ANALYSES, ids)
        gone = {
            "analysis_archives": await _count(erasing, DELETE_ARCHIVES, ids),
            "analyses": await _count(erasing, DELETE_ANALYSES, ids),
        }
        uploads = await erasing.connection.fetch(UNUSED_UPLOADS, [row["file_upload_id"] for row in found])
        gone |= await delete_uploads(erasing, [row["id"] for row in uploads], maps)
        return Erased(gone, more=len(ids) == BATCH_ANALYSES)


class LeftUploads(Step):
    """Deletes the uploads and maps of an organization that belong to no analysis."""

    async def erase(self, erasing: Erasing) -> Erased:
        found = await erasing.connection.fetch(filled(NEXT_UPLOADS, erasing.deletion), BATCH_ANALYSES)
        gone = await delete_uploads(erasing, [row["id"] for row in found], [])
        return Erased(gone, more=len(found) == BATCH_ANALYSES)


async def delete_uploads(erasing: Erasing, uploads: list[object], maps: list[object]) -> dict[str, int]:
    await _count(erasing, DISCARD_OF_UPLOADS, uploads)
    return {
        "dinsight_data": await _count(erasing, DELETE_MAPS, maps, uploads),
        "file_uploads": await _count(erasing, DELETE_UPLOADS, uploads),
    }


MARKED = (
    rows("monitor_chunks", "analysis_id, process_order", DOOMED),
    rows("anomalies", 'id, "timestamp"', DOOMED, batch=BATCH_ANOMALIES),
    rows(
        "monitor_data", "id, created_at", f"{DOOMED} OR dinsight_id IN ({DOOMED_MAPS})", via="monitor_series"
    ),
    rows("feature_data", "id", DOOMED_UPLOADS),
    Analyses(),
)


def _own(table: str, key: str, via: str = "") -> Statement:
    return rows(table, key, "organization_id = :subject", via=via)


def steps(storage: Storage) -> Steps:
    objects = DiscardedObjects(storage)
    return {
        "analysis": (*MARKED, objects, *MENTIONS),
        "machine": (
            Statement("", BURY_MACHINE),
            Mark("machine_id"),
            *MARKED,
            objects,
            *MENTIONS,
        ),
        "organization": (
            Statement("", BURY_MACHINES),
            Statement("", BURY_ORGANIZATION),
            CANCEL_JOBS,
            Mark("organization_id"),
            *MARKED,
            _own("monitor_data", "id, created_at", via="monitor_series"),
            _own("feature_data", "id"),
            LeftUploads(),
            _own("config_data", "id"),
            objects,
            *OF_ORGANIZATION,
            TURNS,
        ),
        "user": OF_USER,
    }
