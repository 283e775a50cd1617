"""Use cases of maintenance windows. Callers open the transaction and commit it."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from services.alerting.database.unit import Unit
from services.alerting.deliveries.notifier import Notifier
from services.alerting.maintenance_windows.calendar import (
    InvalidCalendar,
    ReadEvent,
    read_calendar,
)
from services.alerting.maintenance_windows.domain import Occurrence, Schedule
from services.alerting.maintenance_windows.recurrence import MAX_SPAN, checked_rule
from services.alerting.resources.domain import Kind, Resource, ResourceFilter
from services.alerting.resources.service import ResourceService
from services.alerting.rules.durations import to_timedelta
from shared.access import Caller
from shared.errors import FieldError, Unprocessable
from shared.http.pages import PageRequest, Slice

KIND = Kind.MAINTENANCE_WINDOW
MAX_PERIOD, DEFAULT_PERIOD = timedelta(days=366), timedelta(days=28)
MAX_OCCURRENCES = 500


class InvalidWindow(Unprocessable):
    def __init__(self, pointer: str, detail: str, code: str = "invalid") -> None:
        super().__init__(
            "The maintenance window is not valid; see errors. Nothing was saved.",
            errors=[FieldError(pointer, detail, code)],
        )


class MaintenanceWindowService:
    def __init__(self, resources: ResourceService, notifier: Notifier) -> None:
        self._resources = resources
        self._notifier = notifier

    @property
    def now(self) -> datetime:
        return self._resources.now

    async def create(self, unit: Unit, caller: Caller, values: Mapping[str, Any]) -> Resource:
        """Raises InvalidWindow, TooMany."""
        schedule = self._schedule(values)
        document = {
            "reason": values["reason"],
            "matcher": values["matcher"].model_dump(mode="json"),
            "schedule": schedule.stored(),
        }
        return await self._resources.create(
            unit, caller, KIND, values["name"], document, ends_at=self._end(schedule)
        )

    async def get(self, unit: Unit, window_id: UUID) -> Resource:
        return await self._resources.get(unit, KIND, window_id)

    async def list(self, unit: Unit, ended: bool, page: PageRequest) -> Slice[Resource]:
        """Those that are or will be in effect, or with `ended` all."""
        return await unit.resources.list(ResourceFilter(KIND, ends_after=None if ended else self.now), page)

    async def change(
        self, unit: Unit, caller: Caller, window_id: UUID, changes: Mapping[str, Any]
    ) -> Resource:
        """Change the given fields. Raises ResourceNotFound, InvalidWindow."""
        before = await self._resources.lock(unit, KIND, window_id)
        if not changes:
            return before
        document = dict(before.document)
        if "reason" in changes:
            document["reason"] = changes["reason"]
        if "matcher" in changes:
            document["matcher"] = changes["matcher"].model_dump(mode="json")
        schedule = Schedule.load(document["schedule"])
        if changes.keys() & {"starts", "duration", "time_zone", "rule"}:
            kept = {"starts": schedule.starts, "time_zone": schedule.time_zone, "rule": schedule.rule}
            made = self._schedule({**kept, "duration": None, **changes})
            schedule = replace(made, excluded=schedule.excluded, duration=made.duration or schedule.duration)
        document["schedule"] = schedule.stored()
        name = changes.get("name", before.name)
        after = await self._resources.change(
            unit, caller, before, name=name, document=document, ends_at=self._end(schedule)
        )
        await self._notifier.wake_suppressed(unit)
        return after

    async def remove(self, unit: Unit, caller: Caller, window_id: UUID) -> None:
        """Raises ResourceNotFound."""
        await self._resources.remove(unit, caller, KIND, window_id)
        await self._notifier.wake_suppressed(unit)

    async def occurrences(
        self, unit: Unit, window_id: UUID, since: datetime | None, until: datetime | None
    ) -> Sequence[Occurrence]:
        """Raises ResourceNotFound, InvalidWindow."""
        since = since or self.now
        until = until or since + DEFAULT_PERIOD
        if not timedelta() < until - since <= MAX_PERIOD:
            raise InvalidWindow("/query/until", "must be after since, by at most 366 days")
        window = await self.get(unit, window_id)
        return Schedule.load(window.document["schedule"]).between(since, until, MAX_OCCURRENCES)

    async def current(self, unit: Unit) -> Sequence[Resource]:
        """All windows that have not ended."""
        return await unit.resources.current([KIND], self.now)

    async def load(
        self, unit: Unit, caller: Caller, text: str, matcher: Any, time_zone: str
    ) -> tuple[Sequence[Resource], Sequence[ReadEvent]]:
        """Make windows of the events of a calendar, and list those that are none. Raises InvalidWindow."""
        try:
            events = await asyncio.to_thread(read_calendar, text, time_zone)
        except InvalidCalendar as error:
            raise InvalidWindow("/body/calendar", str(error)) from None
        current = await unit.resources.current([KIND], self.now)
        known = {each.document["uid"]: each for each in current if each.document.get("uid")}
        windows, skipped = [], []
        for event in events:
            if event.schedule is None:
                skipped.append(event)
                continue
            if event.schedule.starts.replace(tzinfo=UTC) < self.now - MAX_SPAN:
                skipped.append(replace(event, skipped="it starts more than 50 years ago"))
                continue
            ends_at = event.schedule.ends_at()
            if ends_at is not None and ends_at <= self.now:
                skipped.append(replace(event, skipped="it has ended"))
                continue
            document = {
                "reason": event.reason,
                "matcher": matcher.model_dump(mode="json"),
                "schedule": event.schedule.stored(),
                "uid": event.uid,
            }
            before = known.get(event.uid) if event.uid else None
            if before is None:
                made = await self._resources.create(unit, caller, KIND, event.name, document, ends_at=ends_at)
            else:
                made = await self._resources.change(
                    unit, caller, before, name=event.name, document=document, ends_at=ends_at
                )
            known[event.uid] = made
            windows.append(made)
        await self._notifier.wake_suppressed(unit)
        return windows, skipped

    def _schedule(self, values: Mapping[str, Any]) -> Schedule:
        duration = to_timedelta(values["duration"]) if values["duration"] else timedelta()
        rule: str | None = values["rule"]
        if rule is not None:
            if values["starts"].replace(tzinfo=UTC) < self.now - MAX_SPAN:
                detail = "must lie within the last 50 years if the window recurs"
                raise InvalidWindow("/body/starts", detail, "too_long_ago")
            try:
                rule = checked_rule(rule, values["starts"], values["time_zone"])
            except ValueError as error:
                raise InvalidWindow("/body/rule", str(error)) from None
        return Schedule(values["starts"], duration, values["time_zone"], rule)

    def _end(self, schedule: Schedule) -> datetime | None:
        ends_at = schedule.ends_at()
        if ends_at is not None and ends_at <= self.now:
            detail = "must be later: the window would already have ended"
            raise InvalidWindow("/body/starts", detail, "too_long_ago")
        return ends_at
