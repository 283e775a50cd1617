"""Counts open event streams, so that neither a person nor an organization can use up all connections."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from services.gateway.errors import TooManyStreams


class StreamPlaces:
    """Places of this gateway; several gateways count on their own."""

    def __init__(self, max_per_caller: int, max_per_organization: int) -> None:
        self._max_per_caller = max_per_caller
        self._max_per_organization = max_per_organization
        self._taken: Counter[UUID] = Counter()

    @contextmanager
    def taken(self, organization_id: UUID, caller_id: UUID) -> Iterator[None]:
        """Hold a place of the organization and of the user or API key. Raises TooManyStreams."""
        for limit, who, most in (
            ("caller", caller_id, self._max_per_caller),
            ("organization", organization_id, self._max_per_organization),
        ):
            if self._taken[who] >= most:
                raise TooManyStreams(limit, most)
        holders = (organization_id, caller_id)
        self._taken.update(holders)
        try:
            yield
        finally:
            self._taken.subtract(holders)
            for who in holders:
                if not self._taken[who]:
                    del self._taken[who]
