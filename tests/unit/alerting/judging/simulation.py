"""Plays samples and the clock to one rule, and tells what it says."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from pydantic import BaseModel

from services.alerting.judging.core import Judged, due, judge, reconciled, tick
from services.alerting.judging.state import Phase, State, Transition, TransitionKind
from services.alerting.rules.conditions import compile_condition
from services.alerting.rules.signals import Severity
from services.alerting.series.domain import Block, microseconds
from services.alerting.series.windows import View
from tests.unit.alerting.examples import SAMPLE_TIME, recorded, run_end, scored

PHASES = {
    TransitionKind.PENDING: Phase.PENDING,
    TransitionKind.WITHDRAWN: Phase.IDLE,
    TransitionKind.RAISED: Phase.ACTIVE,
    TransitionKind.FOUND: Phase.ACTIVE,
    TransitionKind.RECOVERING: Phase.RECOVERING,
    TransitionKind.CLEARED: Phase.IDLE,
}


class Simulation:
    """A machine that sends a block of samples, one per minute, which arrive when the last one was taken."""

    def __init__(self, condition: dict[str, Any], *, severity: Severity = Severity.MEDIUM) -> None:
        self.machine_id = uuid4()
        self.analysis_id = uuid4()
        self.now = SAMPLE_TIME
        self.rule = Judged(self.machine_id, compile_condition(condition), severity, SAMPLE_TIME)
        self.state = State(1, "")
        self.phase = Phase.IDLE
        self.said: list[Transition] = []
        self._before: list[Block] = []
        self._number = 0

    def samples(self, *ratios: float | None, at: datetime | None = None, **more: Any) -> list[str]:
        """Send samples that follow the ones before, or begin `at` a time; what the rule says of them."""
        start = at or self.now + timedelta(minutes=1)
        payload = scored(self.machine_id, ratios, start=start, **{"analysis_id": self.analysis_id, **more})
        end = start + timedelta(minutes=max(len(ratios) - 1, 0))
        return self.send(payload, max(self.now, end))

    def run(self, **results: Any) -> list[str]:
        return self.samples(run=run_end(**results))

    def send(self, payload: BaseModel, received_at: datetime | None = None) -> list[str]:
        self._number += 1
        self.now = received_at or self.now
        found: list[Transition] = []
        for block in recorded(payload, self._number, self.now).blocks():
            state = reconciled(self.state, self.phase, self.now)
            self.state, said = judge(self.rule, state, View(block, self._before), self.now)
            self._before.append(block)
            found += said
            self._note(said)
        return [each.kind.value for each in found]

    def wait(self, **duration: float) -> list[str]:
        """Let time pass as the timer does: the rule is judged whenever it is due."""
        until, said = self.now + timedelta(**duration), list[str]()
        while (mark := due(self.rule, self.state, self.now)) is not None and mark <= until:
            assert mark >= self.now - timedelta(seconds=1) or not said, "the timer turns on the spot"
            self.now = max(self.now, mark)
            said += self._tick()
        self.now = until
        return said + self._tick()

    def resolve(self) -> None:
        """A person resolves the alert."""
        self.phase = Phase.IDLE

    @property
    def last(self) -> Transition:
        return self.said[-1]

    @property
    def clock(self) -> int:
        return microseconds(self.now)

    def _tick(self) -> list[str]:
        state = reconciled(self.state, self.phase, self.now)
        self.state, said = tick(self.rule, state, self.now)
        # What is stored is what is read again.
        self.state = State.load(self.state.stored())
        self._note(said)
        return [each.kind.value for each in said]

    def _note(self, said: "list[Transition] | Any") -> None:
        for each in said:
            self.said.append(each)
            self.phase = PHASES.get(each.kind, self.phase)
