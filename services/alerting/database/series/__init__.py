"""The series of machines, and the memory of rules, in PostgreSQL."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import orjson

from services.alerting.judging.state import Phase, State
from services.alerting.series.domain import Kind, NewRecord, Record
from shared.postgres.connection import Connection

RECORD_FIELDS = tuple(field.name for field in fields(Record))


@dataclass(frozen=True, slots=True)
class RuleMemory:
    """What is remembered of a rule, if anything is, and the phase of its open alert."""

    state: State | None
    phase: Phase


@dataclass(frozen=True, slots=True)
class RecordedAlert:
    """An alert that was raised; `first_at` and `last_at` are times of samples."""

    first_at: datetime
    last_at: datetime
    outcome: str | None


@dataclass(frozen=True, slots=True)
class SeriesRange:
    """What is stored of a machine; without records, there are no times.

    It `has_history` if what was before the first record was fetched.
    """

    since: datetime | None
    until: datetime | None
    has_history: bool


class SeriesRepository(Protocol):
    async def append(self, record: NewRecord) -> bool:
        """Store a machine's next record; True if a job must be made that judges the machine.

        Nothing is stored of a deleted machine or analysis.
        """
        ...

    async def add_history(self, record: NewRecord) -> None:
        """Store what was before the first record; once."""
        ...

    async def queue_judgement(self, organization_id: UUID, machine_id: UUID) -> bool:
        """Whether a job must be made that judges the machine: False if there is one already."""
        ...

    async def judged_number(self, machine_id: UUID) -> int: ...

    async def finish_judging(self, machine_id: UUID, number: int) -> bool:
        """Note that all records up to `number` are judged; True if more have come since."""
        ...

    async def after(self, machine_id: UUID, number: int, limit: int) -> Sequence[Record]: ...

    async def between(
        self, machine_id: UUID, number: int, since: datetime, until: datetime, limit: int
    ) -> Sequence[Record]:
        """The newest records up to `number` with samples from `since` to `until`, oldest first."""
        ...

    async def range(self, machine_id: UUID) -> SeriesRange: ...

    async def replace(self, record: Record) -> None:
        """Replace kind and data of a record."""
        ...

    async def memories(self, machine_id: UUID) -> dict[UUID, RuleMemory]:
        """By the active rules of the machine."""
        ...

    async def remember(self, states: Sequence[tuple[UUID, State]]) -> None:
        """Store the states of rules whose version is still that of their state."""
        ...

    async def forget(self, rule_id: UUID) -> None:
        """Forget the state of a rule that ends: if it is switched on again, it begins anew."""
        ...

    async def recorded_alerts(
        self, machine_id: UUID, rule_id: UUID | None, since: datetime, until: datetime, limit: int
    ) -> Sequence[RecordedAlert]: ...


class PostgresSeriesRepository:
    def __init__(self, connection: Connection, queries: Any) -> None:
        self._connection = connection
        self._queries = queries

    async def append(self, record: NewRecord) -> bool:
        must_queue = await self._queries.append_record(self._connection, **asdict(record))
        return must_queue is True

    async def add_history(self, record: NewRecord) -> None:
        await self._queries.add_history(self._connection, **asdict(record))

    async def queue_judgement(self, organization_id: UUID, machine_id: UUID) -> bool:
        found = await self._queries.queue_judgement(
            self._connection, organization_id=organization_id, machine_id=machine_id
        )
        return found is True

    async def judged_number(self, machine_id: UUID) -> int:
        return await self._queries.judged_number(self._connection, machine_id=machine_id) or 0

    async def finish_judging(self, machine_id: UUID, number: int) -> bool:
        more = await self._queries.finish_judging(self._connection, machine_id=machine_id, number=number)
        return more is True

    async def after(self, machine_id: UUID, number: int, limit: int) -> Sequence[Record]:
        rows = self._queries.records_after(
            self._connection, machine_id=machine_id, number=number, limit=limit
        )
        return [_record(row) async for row in rows]

    async def between(
        self, machine_id: UUID, number: int, since: datetime, until: datetime, limit: int
    ) -> Sequence[Record]:
        rows = self._queries.records_between(
            self._connection, machine_id=machine_id, number=number, since=since, until=until, limit=limit
        )
        return [_record(row) async for row in rows]

    async def range(self, machine_id: UUID) -> SeriesRange:
        row = await self._queries.series_range(self._connection, machine_id=machine_id)
        return SeriesRange(row["since"], row["until"], row["has_history"])

    async def replace(self, record: Record) -> None:
        await self._queries.replace_record(
            self._connection,
            machine_id=record.machine_id,
            number=record.number,
            kind=record.kind,
            data=record.data,
        )

    async def memories(self, machine_id: UUID) -> dict[UUID, RuleMemory]:
        rows = self._queries.rule_states_of(self._connection, machine_id=machine_id)
        return {
            row["rule_id"]: RuleMemory(
                State.load(row["state"]) if row["state"] is not None else None,
                Phase(row["status"] or Phase.IDLE),
            )
            async for row in rows
        }

    async def remember(self, states: Sequence[tuple[UUID, State]]) -> None:
        if states:
            await self._queries.save_states(
                self._connection,
                rule_ids=[rule_id for rule_id, _ in states],
                versions=[state.version for _, state in states],
                states=[orjson.dumps(state.stored()).decode() for _, state in states],
            )

    async def forget(self, rule_id: UUID) -> None:
        await self._queries.forget_state(self._connection, rule_id=rule_id)

    async def recorded_alerts(
        self, machine_id: UUID, rule_id: UUID | None, since: datetime, until: datetime, limit: int
    ) -> Sequence[RecordedAlert]:
        rows = self._queries.recorded_alerts(
            self._connection, machine_id=machine_id, rule_id=rule_id, since=since, until=until, limit=limit
        )
        return [
            RecordedAlert(
                datetime.fromisoformat(row["first_seen_at"]),
                datetime.fromisoformat(row["last_seen_at"]),
                row["outcome"],
            )
            async for row in rows
        ]


def _record(row: Any) -> Record:
    # Drivers have a type of their own for these, which JSON does not know.
    analysis_id = UUID(int=row["analysis_id"].int)
    values = {name: row[name] for name in RECORD_FIELDS}
    return Record(**values | {"kind": Kind(row["kind"]), "analysis_id": analysis_id})
