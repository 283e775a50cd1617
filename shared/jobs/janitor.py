"""The one janitor for what is old: named chores, done one after the other, again and again."""

from collections.abc import Awaitable, Callable, Mapping

import structlog

from shared.jobs.loop import Loop

Chore = Callable[[], Awaitable[object]]

logger = structlog.get_logger(__name__)


class Janitor:
    """Does every chore each round. One that fails keeps none of the others from being done."""

    def __init__(self, name: str, chores: Mapping[str, Chore], *, every: float) -> None:
        self._chores = chores
        self.loop = Loop(name, self.round, every=every)

    async def round(self) -> None:
        """Do every chore once. Raises ExceptionGroup when some failed."""
        errors: list[Exception] = []
        for name, chore in self._chores.items():
            try:
                await chore()
            except Exception as error:  # the others are done all the same; the loop reports all that failed
                error.add_note(f"chore: {name}")
                errors.append(error)
        if errors:
            raise ExceptionGroup("chores failed", errors)
