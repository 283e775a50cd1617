"""Creates, changes and deletes sources. The caller of each method opens the transaction and commits it."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any
from uuid import UUID

from services.analysis.configs.domain import ConfigChanges
from services.analysis.configs.service import ConfigService
from services.analysis.database.unit import Unit
from services.analysis.machines.errors import MachineNotFound
from services.analysis.sources.domain import LOOK, QUEUE, Source
from services.analysis.sources.errors import (
    SecretNeeded,
    SourceNameTaken,
    SourceNotFound,
    SourceOff,
    TooManySources,
)
from services.analysis.sources.opening import Places
from services.analysis.sources.places.kinds import KINDS, AnyPlace
from services.analysis.sources.sealing import SecretSealer
from shared.access import Caller
from shared.audit import Auditor
from shared.clock import Clock, IdGenerator
from shared.jobs.queue import NewJob, Size

MAX_SOURCES = 50


class SourceService:
    def __init__(
        self,
        clock: Clock,
        new_id: IdGenerator,
        auditor: Auditor,
        configs: ConfigService,
        places: Places,
        sealer: SecretSealer,
    ) -> None:
        self._clock = clock
        self._new_id = new_id
        self._auditor = auditor
        self._configs = configs
        self._places = places
        self._sealer = sealer

    async def get(self, unit: Unit, machine_id: UUID, source_id: UUID) -> Source:
        source = await unit.sources.get(source_id)
        if source is None or source.machine_id != machine_id:
            raise SourceNotFound(source_id, machine_id)
        return source

    async def create(self, unit: Unit, caller: Caller, machine_id: UUID, fields: Mapping[str, Any]) -> Source:
        """Add a source. `fields` are validated, with `place` and `config` as objects.

        Raises MachineNotFound, PlaceNotAllowed, SecretNeeded, SourceNameTaken, TooManySources, Unprocessable.
        """
        machine = await unit.machines.lock(machine_id)
        if machine is None or machine.deleted:
            raise MachineNotFound(machine_id)
        # One after the other for a machine, so that neither the number nor a name can be exceeded.
        names = await unit.sources.hold_names(machine_id)
        if fields["name"] in names.values():
            raise SourceNameTaken(fields["name"])
        if len(names) >= MAX_SOURCES:
            raise TooManySources(MAX_SOURCES)
        source_id, now = self._new_id(), self._clock.now()
        source = Source(
            id=source_id,
            organization_id=caller.organization_id,
            machine_id=machine_id,
            problem=None,
            counts={},
            looked_at=None,
            next_look_at=now if fields["is_active"] else None,
            taken_at=None,
            created_by=caller.user_id,
            created_at=now,
            updated_at=now,
            **dict(fields) | await self._stored(unit, caller, source_id, None, fields),
        )
        await unit.sources.add(source)
        await self._schedule(unit, source)
        await self._auditor.wrote(
            unit.outbox, caller, "source.created", "source", source.id, after=_audited(source)
        )
        return source

    async def change(
        self, unit: Unit, caller: Caller, machine_id: UUID, source_id: UUID, fields: Mapping[str, Any]
    ) -> Source:
        """Change only the given fields.

        Raises SourceNotFound, PlaceNotAllowed, SecretNeeded, SourceNameTaken, Unprocessable.
        """
        names = await unit.sources.hold_names(machine_id)
        before = await self._lock(unit, machine_id, source_id)
        if not fields:
            return before
        if fields.get("name") in [name for key, name in names.items() if key != source_id]:
            raise SourceNameTaken(fields["name"])
        now = self._clock.now()
        stored = await self._stored(unit, caller, source_id, before, fields)
        source = replace(before, **dict(fields) | stored, updated_at=now)
        source = replace(source, next_look_at=now if source.is_active else None)
        await unit.sources.update(source)
        await self._schedule(unit, source)
        await self._auditor.wrote(
            unit.outbox,
            caller,
            "source.updated",
            "source",
            source.id,
            before=_audited(before),
            after=_audited(source),
        )
        return source

    async def run(self, unit: Unit, caller: Caller, machine_id: UUID, source_id: UUID) -> Source:
        """Raises SourceNotFound, SourceOff."""
        source = await self._lock(unit, machine_id, source_id)
        if not source.is_active:
            raise SourceOff(source.name)
        await unit.sources.retry_failed(source_id)
        source = replace(source, next_look_at=self._clock.now())
        await unit.sources.update(source)
        await self._schedule(unit, source)
        await self._auditor.wrote(unit.outbox, caller, "source.run", "source", source.id)
        return source

    async def remove(self, unit: Unit, caller: Caller, machine_id: UUID, source_id: UUID) -> None:
        """Raises SourceNotFound."""
        source = await self._lock(unit, machine_id, source_id)
        await unit.jobs.cancel([source_id])
        await unit.sources.delete(source_id)
        await self._auditor.wrote(
            unit.outbox, caller, "source.deleted", "source", source_id, before=_audited(source)
        )

    async def _lock(self, unit: Unit, machine_id: UUID, source_id: UUID) -> Source:
        source = await unit.sources.lock(source_id)
        if source is None or source.machine_id != machine_id:
            raise SourceNotFound(source_id, machine_id)
        return source

    async def _schedule(self, unit: Unit, source: Source) -> None:
        """Replace the job of the source. A look that is under way loses its lease, and takes nothing more."""
        await unit.jobs.cancel([source.id])
        if source.is_active:
            await unit.jobs.enqueue([look_job(self._new_id(), source)])

    async def _stored(
        self,
        unit: Unit,
        caller: Caller,
        source_id: UUID,
        before: Source | None,
        fields: Mapping[str, Any],
    ) -> dict[str, Any]:
        """The columns of `place` and `config`, if they are among the fields."""
        stored: dict[str, Any] = {}
        if "place" in fields:
            stored |= self._place(source_id, before, fields["place"])
        if "config" in fields:
            changes: ConfigChanges | None = fields["config"]
            if changes is not None:
                current = await self._configs.current(unit, caller)
                self._configs.check(current, changes, place="/body/config")
            stored |= {"config": {} if changes is None else asdict(changes), "applied": None}
        return stored

    def _place(self, source_id: UUID, before: Source | None, place: AnyPlace) -> dict[str, Any]:
        """What is stored of a place, and its secrets, sealed; those of the same place as before stay."""
        self._places.check(place)
        secrets = {
            name: value for name in sorted(place.SECRETS) if (value := getattr(place, name)) is not None
        }
        stored = place.model_dump(mode="json", exclude=set(place.SECRETS))
        if secrets or not place.SECRETS:
            return {"place": stored, "sealed": self._sealer.sealed(source_id, secrets)}
        if before is None or not _same_receiver(before, place):
            raise SecretNeeded
        return {"place": stored, "sealed": before.sealed}


def look_job(job_id: UUID, source: Source, size: Size = Size.SMALL) -> NewJob:
    """`size` is LARGE if the look is expected to take long."""
    return NewJob(
        id=job_id,
        queue=QUEUE,
        kind=LOOK,
        organization_id=source.organization_id,
        subject_id=source.id,
        size=size,
        run_at=source.next_look_at,
    )


def _same_receiver(before: Source, place: AnyPlace) -> bool:
    """Whether a secret would go where it went before: nobody may have it sent to themselves."""
    known = KINDS[before.place["kind"]].model_validate(before.place)
    return isinstance(known, type(place)) and all(
        getattr(known, name) == getattr(place, name) for name in place.RECEIVER
    )


def _audited(source: Source) -> dict[str, Any]:
    shown = ("machine_id", "name", "is_active", "place", "pattern", "since", "take_changed", "config")
    values = asdict(source)
    return {name: values[name] for name in shown} | {
        "every": source.every.total_seconds(),
        "delay": source.delay.total_seconds(),
    }
