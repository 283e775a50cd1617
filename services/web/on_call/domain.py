"""What the API says of shifts, as the pages show it, and the bodies that the forms make."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from services.web.layout.ends import moment

Json = Mapping[str, Any]
# A little longer than the longest shift (91 days), so that the next one is seen too.
AHEAD = timedelta(days=100)
MAX_SHOWN = 30
# Empty places in the form, beyond the members that there are. An empty place is nobody.
SPARE_PLACES = 3
MAX_PLACES = 50


@dataclass(frozen=True, slots=True)
class Shift:
    """`ends_at` is None if it lies beyond what was asked for."""

    user_id: str
    starts_at: datetime
    ends_at: datetime | None
    override_id: str | None


@dataclass(frozen=True, slots=True)
class Turns:
    """Who is on call in a rotation; `now` is None while nobody is."""

    now: Shift | None
    later: Sequence[Shift]

    @property
    def next(self) -> Shift | None:
        return self.later[0] if self.later else None

    @property
    def all(self) -> Sequence[Shift]:
        return ((self.now,) if self.now else ()) + tuple(self.later)

    def of(self, user_id: str) -> Shift | None:
        """The first one of somebody."""
        return next((each for each in self.all if each.user_id == user_id), None)

    @property
    def changes_at(self) -> datetime | None:
        """When somebody else is on call."""
        if self.now:
            return self.now.ends_at
        return self.next.starts_at if self.next else None


def turns(shifts: Iterable[Json], now: datetime) -> Turns:
    """Of the shifts of the `AHEAD` after `now`, as the API lists them."""
    read = [
        Shift(
            each["user_id"],
            datetime.fromisoformat(each["starts_at"]),
            ends_at if (ends_at := datetime.fromisoformat(each["ends_at"])) < now + AHEAD else None,
            each.get("override_id"),
        )
        for each in shifts
    ]
    current = next((each for each in read if each.starts_at <= now), None)
    return Turns(current, [each for each in read if each.starts_at > now])


def rotation(fields: Iterable[tuple[str, str]]) -> Json:
    """The body of `POST` and `PATCH /rotations`; the places of the form in their order."""
    given = list(fields)
    body: dict[str, Any] = {
        name: value for name, value in given if name in ("name", "starts", "shift", "time_zone")
    }
    return body | {"members": [value for name, value in given if name == "member" and value]}


def places(members: Sequence[str]) -> Sequence[str]:
    """The members in their order, then places for more."""
    return (*members, *[""] * SPARE_PLACES)[:MAX_PLACES]


def override(fields: Mapping[str, str]) -> Json:
    """The body of `POST /rotations/{id}/overrides`."""
    zone = fields.get("time_zone", "")
    return {
        "user_id": fields.get("user_id", ""),
        "starts_at": moment(fields.get("starts_at", ""), zone),
        "ends_at": moment(fields.get("ends_at", ""), zone),
        "reason": fields.get("reason") or None,
    }
