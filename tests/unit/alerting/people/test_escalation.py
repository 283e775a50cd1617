"""Which steps are due, and how the circuit breaker of a target opens and closes. Pure."""

from datetime import timedelta
from uuid import uuid4

from services.alerting.deliveries.domain import MAX_BREAK, DeliveryStatus, Outcome, TargetState
from services.alerting.deliveries.escalation import Plan, Step, plan
from services.alerting.reasons import Reason
from tests.unit.alerting.database.repository_suite import NOW

MINUTE = timedelta(minutes=1)
STEPS = (
    Step(channels=("webhook:cmms",), repeat=60 * MINUTE),
    Step(after=15 * MINUTE, to=("role:admin",), unless=("acknowledged",)),
    Step(after=30 * MINUTE, to=("contact:plant",)),
)


def test_steps_are_due_after_their_time_and_repeat_until_somebody_acknowledges() -> None:
    first = plan(STEPS, NOW, {}, acknowledged=False, now=NOW)
    assert first == Plan(((0, False),), NOW + 15 * MINUTE)
    told = {0: NOW}
    assert plan(STEPS, NOW, told, acknowledged=False, now=NOW + 15 * MINUTE).due == ((1, False),)
    told |= {1: NOW + 15 * MINUTE, 2: NOW + 30 * MINUTE}
    waiting = plan(STEPS, NOW, told, acknowledged=False, now=NOW + 31 * MINUTE)
    assert waiting == Plan((), NOW + 60 * MINUTE)
    assert plan(STEPS, NOW, told, acknowledged=False, now=NOW + 60 * MINUTE).due == ((0, True),)
    assert plan(STEPS, NOW, told, acknowledged=True, now=NOW + 60 * MINUTE) == Plan((), None)


def test_an_acknowledged_alert_takes_only_the_steps_that_do_not_depend_on_it() -> None:
    late = plan(STEPS, NOW, {0: NOW}, acknowledged=True, now=NOW + 30 * MINUTE)
    assert late.due == ((2, False),)
    withdrawn = plan(STEPS, NOW, {0: NOW, 2: NOW}, acknowledged=False, now=NOW + 40 * MINUTE)
    assert withdrawn.due == ((1, False),), "a withdrawn acknowledgement lets the step follow"


FAILED = Outcome(DeliveryStatus.FAILED, 503, 1.0, Reason("the receiver responded with 503"))


def test_the_breaker_opens_after_failures_in_a_row_and_closes_with_a_success() -> None:
    state = TargetState(uuid4(), "contact:1")
    for _ in range(2):
        state = state.after(FAILED, NOW)
    assert state.open_until is None
    pauses = []
    for _ in range(12):
        state = state.after(FAILED, NOW)
        assert state.open_until is not None
        pauses.append(state.open_until - NOW)
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (timedelta(seconds=30), MAX_BREAK)
    state = state.after(Outcome(DeliveryStatus.DELIVERED, 204), NOW)
    assert (state.failures, state.open_until) == (0, None)


def test_a_receiver_may_ask_for_a_pause() -> None:
    asked = Outcome(DeliveryStatus.FAILED, 429, 1.0, Reason("429"), retry_after=10 * MINUTE)
    assert TargetState(uuid4(), "contact:1").after(asked, NOW).open_until == NOW + 10 * MINUTE
