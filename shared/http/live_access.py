"""Whether the access of a genuine token still stands."""

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol

from shared.access import Identity
from shared.ended import AccessRevoked, EndedAccess
from shared.errors import Unauthenticated
from shared.http.standing import Standing

# While ends are not heard of, auth is asked about each token, and this often at most.
ASKED_FOR_SECONDS = 1.0
MAX_ASKED = 1_000


class Feed(Protocol):
    @property
    def is_current(self) -> bool: ...


class LiveAccess:
    """Refuses tokens whose access has ended: by what was heard, or else by asking auth."""

    def __init__(
        self,
        ended: EndedAccess,
        feed: Feed,
        standing: Standing,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ended = ended
        self._feed = feed
        self._standing = standing
        self._monotonic = monotonic
        self._asked: OrderedDict[str, float] = OrderedDict()

    async def check(self, identity: Identity) -> None:
        """Raises AccessRevoked, or Unavailable where neither the broker nor auth can be reached."""
        self._ended.check(identity)
        if self._feed.is_current:
            return
        now = self._monotonic()
        if now - self._asked.get(identity.token, float("-inf")) < ASKED_FOR_SECONDS:
            return
        try:
            await self._standing.check(identity)
        except Unauthenticated:
            raise AccessRevoked from None
        self._asked[identity.token] = now
        self._asked.move_to_end(identity.token)
        while len(self._asked) > MAX_ASKED:
            self._asked.popitem(last=False)
