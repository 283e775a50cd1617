"""Quotas: pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

# The period of what is counted by day; it ends now.
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Usage:
    """What an organization uses. Samples of a file count once it is read."""

    uploaded_bytes: int
    uploaded_samples: int
    stored_bytes: int
    unfinished_analyses: int


@dataclass(frozen=True, slots=True)
class Quota:
    """`limit` is None if there is none. Only what is counted by day comes back by itself."""

    name: str
    used: int
    limit: int | None
    by_day: bool

    def admits(self, more: int) -> bool:
        return self.limit is None or self.used + more <= self.limit


@dataclass(frozen=True, slots=True)
class Quotas:
    """The limits of each organization; None for no limit."""

    daily_bytes: int | None = None
    daily_samples: int | None = None
    stored_bytes: int | None = None
    unfinished_analyses: int | None = None

    @property
    def exist(self) -> bool:
        return self != Quotas()

    def of(self, usage: Usage) -> Iterator[Quota]:
        yield Quota("uploaded_bytes", usage.uploaded_bytes, self.daily_bytes, by_day=True)
        yield Quota("uploaded_samples", usage.uploaded_samples, self.daily_samples, by_day=True)
        yield Quota("stored_bytes", usage.stored_bytes, self.stored_bytes, by_day=False)
        yield Quota("unfinished_analyses", usage.unfinished_analyses, self.unfinished_analyses, by_day=False)

    def exceeded(self, usage: Usage, upload_bytes: int) -> Quota | None:
        """The first quota that does not admit another upload of this size."""
        more = {
            "uploaded_bytes": upload_bytes,
            # How many samples a file has is known later: one more than the limit is too many.
            "uploaded_samples": 1,
            "stored_bytes": upload_bytes,
            "unfinished_analyses": 1,
        }
        return next((quota for quota in self.of(usage) if not quota.admits(more[quota.name])), None)
