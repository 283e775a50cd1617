"""The cache of compiled conditions. Pure."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from services.alerting.rules.domain import Rule
from services.alerting.rules.program import Program

# A condition of a few leaves takes 2 KiB, the largest possible one 60 KiB.
MAX_PROGRAMS = 10_000


class ProgramCache:
    """Compiles each rule version once, and keeps the `max_size` that were used last."""

    def __init__(
        self, compile_condition: Callable[[Mapping[str, Any]], Program], *, max_size: int = MAX_PROGRAMS
    ) -> None:
        self._compile = compile_condition
        self._max_size = max_size
        self._programs: OrderedDict[tuple[UUID, int], Program] = OrderedDict()

    def __len__(self) -> int:
        return len(self._programs)

    def of(self, rule: Rule) -> Program:
        key = (rule.id, rule.version)
        program = self._programs.get(key)
        if program is None:
            program = self._programs[key] = self._compile(rule.condition)
            if len(self._programs) > self._max_size:
                self._programs.popitem(last=False)
        else:
            self._programs.move_to_end(key)
        return program
