"""What a sign-in allows, where it came from, and how guessing is slowed."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from services.auth.members.domain import Membership
from services.auth.users.domain import User

# Typing errors cost nothing; from then on every failure doubles the wait, up to a quarter of an hour.
FREE_FAILURES = 5
LONGEST_WAIT = timedelta(minutes=15)
# Failures are forgotten after a quiet day.
FAILURES_FORGOTTEN_AFTER = timedelta(days=1)
# The agent is shown to the session's owner; what is longer is no name of a browser.
LONGEST_AGENT = 500


@dataclass(frozen=True, slots=True)
class Client:
    """Where a request came from, as far as it is known."""

    address: str | None
    agent: str | None


@dataclass(frozen=True, slots=True)
class Grant:
    """What a successful sign-in or refresh allows."""

    user: User
    memberships: Sequence[Membership]
    session_id: UUID
    refresh_token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class TokenPair:
    """`expires_in` is the access token's lifetime in seconds."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_in: int


def wait_after(failures: int) -> timedelta:
    """How long the next try must wait after so many failures in a row."""
    if failures < FREE_FAILURES:
        return timedelta()
    # The exponent is bounded so that no count of failures overflows.
    return min(timedelta(seconds=2.0 ** min(failures - FREE_FAILURES, 16)), LONGEST_WAIT)
