"""Steps of a deletion: each deletes a batch, in one transaction, until nothing is left."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from shared.access import Scope
from shared.events.deletions import DeletionRequested
from shared.kafka.outbox import Outbox
from shared.postgres.connection import Connection, Database
from shared.postgres.queries import Queries

QUEUE = "deletion"
# A transaction of this many rows takes well below a lease, also if each row holds a few megabytes.
BATCH_ROWS = 200


@dataclass(frozen=True, slots=True)
class Erasing:
    """One transaction of a deletion."""

    connection: Connection
    queries: Queries
    outbox: Outbox
    deletion: DeletionRequested

    @property
    def ids(self) -> dict[str, Any]:
        """The parameters of queries. `subjects` are the subject and its parts, as texts."""
        deletion = self.deletion
        return {
            "deletion": deletion.deletion_id,
            "subject": deletion.subject_id,
            "subjects": [str(each) for each in (deletion.subject_id, *deletion.part_ids)],
            "organization": deletion.organization_id,
        }


@dataclass(frozen=True, slots=True)
class Erased:
    """What went with one batch, and whether there may be `more`."""

    rows: Mapping[str, int] = field(default_factory=dict)
    objects: int = 0
    bytes: int = 0
    more: bool = False


class Step(ABC):
    async def prepare(self, database: Database, scope: Scope, deletion: DeletionRequested) -> None:
        """What must not be done in a transaction, before each batch; it may be repeated."""
        return

    @abstractmethod
    async def erase(self, erasing: Erasing) -> Erased:
        """Delete a batch, in the transaction that counts it."""


@dataclass(frozen=True, slots=True)
class Statement(Step):
    """A statement whose affected rows are counted under `table`, or not at all if that is empty.

    `:subject`, `:subjects` (with its parts, as texts) and `:deletion` stand for the ids of the deletion. A
    statement that affects `batch` rows or more is repeated.
    """

    table: str
    sql: str
    batch: int = 0

    async def erase(self, erasing: Erasing) -> Erased:
        status: str = await erasing.connection.execute(filled(self.sql, erasing.deletion))
        count = int(status.rpartition(" ")[2])
        rows = {self.table: count} if self.table and count else {}
        return Erased(rows, more=bool(self.batch) and count >= self.batch)


@dataclass(frozen=True, slots=True)
class Query(Step):
    """Like `Statement`, a query of the service that returns a count, given `batch` and the ids."""

    table: str
    name: str
    batch: int = 0
    parameters: Mapping[str, Any] = field(default_factory=dict)

    async def erase(self, erasing: Erasing) -> Erased:
        run = getattr(erasing.queries, self.name)
        count: int = await run(erasing.connection, **erasing.ids, **self.parameters, batch=self.batch)
        rows = {self.table: count} if self.table and count else {}
        return Erased(rows, more=bool(self.batch) and count >= self.batch)


def rows(table: str, key: str, condition: str, *, batch: int = BATCH_ROWS) -> Statement:
    """Delete the rows of a table under a condition. `key` are columns that identify a row."""
    sql = (
        f"DELETE FROM {table} WHERE ({key}) IN"  # noqa: S608 - constants of the code
        f" (SELECT {key} FROM {table} WHERE {condition} LIMIT {batch})"
    )
    return Statement(table, sql, batch)


def filled(sql: str, deletion: DeletionRequested) -> str:
    """The statement with the ids, which are UUIDs and need no escaping."""
    ids = ", ".join(f"'{each}'" for each in (deletion.subject_id, *deletion.part_ids))
    sql = sql.replace(":subjects", f"ARRAY[{ids}]::text[]")
    return sql.replace(":subject", f"'{deletion.subject_id}'::uuid").replace(
        ":deletion", f"'{deletion.deletion_id}'::uuid"
    )


# The ids in a text are looked up among those of the deletion, of which there may be thousands.
ANY_ID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"


def _mentioned(text: str) -> str:
    return f"EXISTS (SELECT FROM regexp_matches({text}, '{ANY_ID}', 'g') AS m WHERE m[1] = ANY (:subjects))"


VALUE = "encode(value, 'escape')"
# What every service has. The trail and the deletion itself must still arrive; the latest state of a key is
# its tombstone. Everything else about the subject is not published any more, nor again.
EVENTS = """
topic NOT IN ('audit.recorded', 'deletion.requested', 'deletion.reported')
AND (NOT keep_latest OR EXISTS (
    SELECT FROM outbox n WHERE n.topic = outbox.topic AND n.key = outbox.key AND n.seq > outbox.seq))
AND """
OWN_EVENTS = "headers ->> 'ce_organizationid' = :subject::text"
PLAIN = "coalesce(headers::text, '') || coalesce(rights::text, '') || coalesce(encode(body, 'escape'), '')"
MENTIONED_IN_ANSWER = f"(coalesce(sealed_ids && :subjects, false) OR {_mentioned(PLAIN)})"


def _events(condition: str) -> Statement:
    return rows("outbox", "seq", EVENTS + condition, batch=1000)


MENTIONS: Sequence[Step] = (
    rows("idempotency_keys", "user_id, key", MENTIONED_IN_ANSWER),
    _events(_mentioned(VALUE)),
)
OF_ORGANIZATION: Sequence[Step] = (
    rows("idempotency_keys", "user_id, key", MENTIONED_IN_ANSWER),
    _events(OWN_EVENTS),
)
OF_USER: Sequence[Step] = (
    # The user's own, and what others were told about the user.
    rows("idempotency_keys", "user_id, key", f"user_id = :subject OR {MENTIONED_IN_ANSWER}"),
    # Earlier states of memberships, with name and address. What the user did stays the organization's.
    _events("keep_latest AND " + _mentioned(VALUE)),
)
# For services with a queue of their own beside that of deletions.
CANCEL_JOBS = Statement("jobs", f"DELETE FROM jobs WHERE organization_id = :subject AND queue <> '{QUEUE}'")  # noqa: S608
TURNS = Statement("", "DELETE FROM job_turns WHERE organization_id = :subject")
