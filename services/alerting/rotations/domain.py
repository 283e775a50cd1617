"""Rotations: who is on call when, with overrides. Pure."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

MIN_SHIFT, MAX_SHIFT = timedelta(hours=1), timedelta(days=91)
MAX_MEMBERS = 50
MAX_OVERRIDES = 200
MAX_SHIFTS = 500


@dataclass(frozen=True, slots=True)
class Override:
    """Somebody takes over for a time. The one that was made last counts."""

    id: UUID
    user_id: UUID
    starts_at: datetime
    ends_at: datetime
    created_by: UUID
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Shift:
    user_id: UUID
    starts_at: datetime
    ends_at: datetime
    override_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Rotation:
    """Members take turns of the length `shift`, from `starts`, a wall-clock time in `time_zone`.

    A hand-over at 06:00 stays at 06:00 when the clocks change.
    """

    members: tuple[UUID, ...]
    starts: datetime
    shift: timedelta
    time_zone: str
    overrides: tuple[Override, ...] = ()

    @classmethod
    def load(cls, stored: Mapping[str, Any]) -> "Rotation":
        return cls(
            tuple(UUID(each) for each in stored["members"]),
            datetime.fromisoformat(stored["starts"]),
            timedelta(seconds=stored["shift_seconds"]),
            stored["time_zone"],
            tuple(
                Override(
                    UUID(each["id"]),
                    UUID(each["user_id"]),
                    datetime.fromisoformat(each["starts_at"]),
                    datetime.fromisoformat(each["ends_at"]),
                    UUID(each["created_by"]),
                    each.get("reason"),
                )
                for each in stored.get("overrides", ())
            ),
        )

    def stored(self) -> dict[str, Any]:
        return {
            "members": [str(each) for each in self.members],
            "starts": self.starts.isoformat(),
            "shift_seconds": self.shift.total_seconds(),
            "time_zone": self.time_zone,
            "overrides": [
                {
                    "id": str(each.id),
                    "user_id": str(each.user_id),
                    "starts_at": each.starts_at.isoformat(),
                    "ends_at": each.ends_at.isoformat(),
                    "created_by": str(each.created_by),
                    "reason": each.reason,
                }
                for each in self.overrides
            ],
        }

    def on_call(self, moment: datetime) -> UUID | None:
        """Who is on call; nobody before the rotation starts, unless somebody took over."""
        for override in reversed(self.overrides):
            if override.starts_at <= moment < override.ends_at:
                return override.user_id
        turn = self._turn(moment)
        return self.members[turn % len(self.members)] if turn >= 0 else None

    def shifts(self, since: datetime, until: datetime) -> list[Shift]:
        """Who is on call from when to when, with overrides, at most MAX_SHIFTS; clipped to the period."""
        edges = {since, until}
        for override in self.overrides:
            edges |= {edge for edge in (override.starts_at, override.ends_at) if since < edge < until}
        edges |= set(self._handovers(since, until))
        found: list[Shift] = []
        ordered = sorted(edges)
        for begin, end in itertools.pairwise(ordered):
            user_id = self.on_call(begin)
            if user_id is None:
                continue
            override_id = self._override_id(begin)
            last = found[-1] if found else None
            if last and (last.user_id, last.override_id, last.ends_at) == (user_id, override_id, begin):
                found[-1] = Shift(user_id, last.starts_at, end, override_id)
            elif len(found) < MAX_SHIFTS:
                found.append(Shift(user_id, begin, end, override_id))
        return found

    def _override_id(self, moment: datetime) -> UUID | None:
        covering = (each.id for each in reversed(self.overrides) if each.starts_at <= moment < each.ends_at)
        return next(covering, None)

    def _handovers(self, since: datetime, until: datetime) -> Iterator[datetime]:
        turn = max(self._turn(since), 0)
        for _ in range(MAX_SHIFTS * 2):
            moment = self._begins(turn)
            if moment >= until:
                return
            if moment > since:
                yield moment
            turn += 1

    def _turn(self, moment: datetime) -> int:
        local = moment.astimezone(ZoneInfo(self.time_zone)).replace(tzinfo=None)
        turn = (local - self.starts) // self.shift
        # A hand-over in an hour that clocks skip or repeat is at the moment that `_begins` gives it.
        if moment < self._begins(turn):
            return turn - 1
        return turn + 1 if moment >= self._begins(turn + 1) else turn

    def _begins(self, turn: int) -> datetime:
        local = self.starts + turn * self.shift
        return local.replace(tzinfo=ZoneInfo(self.time_zone)).astimezone(UTC)
