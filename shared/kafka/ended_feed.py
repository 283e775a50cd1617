"""Hears from auth which access has ended."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from shared.clock import Clock
from shared.ended import REMEMBERED_FOR, TOPICS, EndedAccess
from shared.events.base import Event
from shared.kafka.connection import KafkaConnection
from shared.kafka.follower import Follower


class EndedFeed:
    """`on_ended` is called after events that may have ended somebody's access."""

    def __init__(
        self,
        kafka: KafkaConnection,
        ended: EndedAccess,
        clock: Clock,
        *,
        on_ended: Callable[[], None] = lambda: None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ended = ended
        self._on_ended = on_ended
        self._follower = Follower(
            "ended access", kafka, TOPICS, self, clock, lookback=REMEMBERED_FOR, monotonic=monotonic
        )
        self.loop = self._follower.loop
        self.check = self._follower.check

    @property
    def is_current(self) -> bool:
        """Whether every end until moments ago is known.

        A record that could not be decoded may have been an end: it is unknown while a token could be valid
        that it ended.
        """
        return self._follower.is_current and not self._follower.has_skipped(REMEMBERED_FOR)

    def past(self, events: Sequence[tuple[Event[Any], bytes]]) -> None:
        # All of them, not as many as `any` looks at.
        if any([self._ended.add(event) for event, _ in events]):
            self._on_ended()

    present = past

    def caught_up(self) -> None: ...
