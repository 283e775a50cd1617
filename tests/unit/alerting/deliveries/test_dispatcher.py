"""Deliveries: retried with backoff under one message id, and ended when that cannot help."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from services.alerting.deliveries.dispatcher import LEASE, Dispatcher, Pace
from services.alerting.deliveries.domain import Delivery, DeliveryStatus, Outcome, RetryPolicy
from services.alerting.rules.actions import Actions
from services.alerting.rules.service import secret_purpose
from shared.crypto import Encryptor
from tests.support.fakes import FakeClock
from tests.unit.alerting.database.repository_suite import NOW, World
from tests.unit.alerting.examples import SECRET, actions
from tests.unit.alerting.fakes import FakeSender, FakeUnits

KEYS = "test:" + "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
FAILURE = Outcome(False, 503, 1.0, "the receiver answered 503")


class Bench:
    """A dispatcher over fakes, with one delivery that is due."""

    def __init__(self, *outcomes: Outcome) -> None:
        self.units, self.clock, self.sender = FakeUnits(), FakeClock(NOW), FakeSender(list(outcomes))
        encryptor = Encryptor(KEYS)
        self.world = World(self.units)
        rule = self.world.rule
        sealed = encryptor.encrypt(SECRET, purpose=secret_purpose(rule.id, "cmms"))
        document = actions() | {"webhooks": {"cmms": {"url": "https://example.org/hook", "secret": sealed}}}
        self.world.rule = replace(rule, actions=Actions.load(document | {"on": ["raised"]}))
        self.dispatcher = Dispatcher(
            self.units,
            self.sender,
            encryptor,
            self.clock,
            uuid4,
            RetryPolicy(3, timedelta(seconds=5)),
            Pace(16, 4, 0.01),
            jitter=lambda: 1.0,
        )

    async def due(self) -> "Bench":
        await self.world.store()
        await self.world.deliveries(1)
        return self

    @property
    def attempts(self) -> list[Delivery]:
        return sorted(self.units.memory.deliveries.values(), key=lambda delivery: delivery.attempt)


async def test_a_message_is_signed_with_the_opened_secret_and_sent_once() -> None:
    bench = await Bench().due()
    assert await bench.dispatcher.deliver_due() == 1
    assert await bench.dispatcher.deliver_due() == 0
    (sent,) = bench.sender.sent
    assert sent[:2] == ("https://example.org/hook", SECRET)
    (attempt,) = bench.attempts
    assert (attempt.status, attempt.response_status) == (DeliveryStatus.DELIVERED, 204)


async def test_failed_attempts_are_followed_by_later_ones_until_the_last() -> None:
    bench = await Bench(FAILURE, FAILURE, FAILURE).due()
    for delay in (5, 20):
        assert await bench.dispatcher.deliver_due() == 1
        bench.clock.advance(seconds=delay - 1)
        assert await bench.dispatcher.deliver_due() == 0, "not due yet"
        bench.clock.advance(seconds=1)
    assert await bench.dispatcher.deliver_due() == 1
    bench.clock.advance(days=2)
    assert await bench.dispatcher.deliver_due() == 0
    assert [a.attempt for a in bench.attempts] == [1, 2, 3]
    assert {a.status for a in bench.attempts} == {DeliveryStatus.FAILED}
    assert {a.error for a in bench.attempts} == {"the receiver answered 503"}
    assert len({message_id for _, _, message_id, _ in bench.sender.sent}) == 1


async def test_what_cannot_get_better_is_not_tried_again() -> None:
    bench = await Bench(replace(FAILURE, response_status=410, final=True)).due()
    await bench.dispatcher.deliver_due()
    assert [a.status for a in bench.attempts] == [DeliveryStatus.FAILED]


async def test_a_webhook_that_the_rule_lost_is_not_called() -> None:
    bench = await Bench().due()
    bench.units.memory.rules[bench.world.rule.id] = replace(bench.world.rule, actions=Actions())
    await bench.dispatcher.deliver_due()
    assert bench.sender.sent == []
    assert [a.status for a in bench.attempts] == [DeliveryStatus.CANCELLED]


async def test_a_secret_that_cannot_be_opened_fails_the_attempt_and_is_not_told() -> None:
    bench = await Bench().due()
    stolen = replace(bench.world.rule, id=uuid4())
    memory = bench.units.memory
    memory.rules[stolen.id] = stolen
    memory.alerts = {k: replace(a, alert_rule_id=stolen.id) for k, a in memory.alerts.items()}
    await bench.dispatcher.deliver_due()
    assert bench.sender.sent == [], "a secret copied to another rule opens nothing"
    assert [a.status for a in bench.attempts] == [DeliveryStatus.FAILED, DeliveryStatus.PENDING]
    assert SECRET not in str(bench.attempts)


class Killed(Exception):
    """Stands for kill -9 between sending and noting."""


async def test_a_dispatcher_that_dies_after_sending_leaves_the_attempt_to_the_next() -> None:
    bench = await Bench().due()
    bench.sender.then_die = Killed()
    with pytest.raises(Killed):
        await bench.dispatcher.deliver_due()
    bench.sender.then_die = None
    assert await bench.dispatcher.deliver_due() == 0, "its lease holds"
    bench.clock.advance(seconds=LEASE.total_seconds())
    assert await bench.dispatcher.deliver_due() == 1
    first, second = bench.sender.sent
    assert first == second, "the receiver can tell by the message id"
    assert [a.status for a in bench.attempts] == [DeliveryStatus.DELIVERED]
