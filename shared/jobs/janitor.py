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
        errors: dict[str, Exception] = {}
        for name, chore in self._chores.items():
            try:
                await chore()
            except Exception as error:  # the others are done all the same; the loop reports all that failed
                errors[name] = error
        if errors:
            told = "; ".join(f"{name}: {type(error).__name__}: {error}" for name, error in errors.items())
            raise ExceptionGroup(told, list(errors.values()))
