"""Periodic cleanup: named chores that run one after the other."""

from collections.abc import Awaitable, Callable, Mapping

import structlog

from shared.jobs.loop import Loop

Chore = Callable[[], Awaitable[object]]

logger = structlog.get_logger(__name__)


class Janitor:
    """Runs every chore in each round. A chore that fails does not stop the others."""

    def __init__(self, name: str, chores: Mapping[str, Chore], *, every: float) -> None:
        self._chores = chores
        self.loop = Loop(name, self.round, every=every)

    async def round(self) -> None:
        """Run every chore once. Raises ExceptionGroup if any failed."""
        errors: dict[str, Exception] = {}
        for name, chore in self._chores.items():
            try:
                await chore()
            except Exception as error:  # the other chores still run; the loop reports all failures
                errors[name] = error
        if errors:
            summary = "; ".join(f"{name}: {type(error).__name__}: {error}" for name, error in errors.items())
            raise ExceptionGroup(summary, list(errors.values()))
