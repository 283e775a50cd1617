"""Messages are retried under one message id, given up when a retry cannot succeed, and never lost."""

import time
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from services.alerting.acknowledgements.links import LinkMaker
from services.alerting.contact_points.sealing import ContactSealer
from services.alerting.deliveries.chat import ChatSender
from services.alerting.deliveries.content import Composer
from services.alerting.deliveries.courier import Courier
from services.alerting.deliveries.dispatcher import Dispatcher
from services.alerting.deliveries.domain import (
    LEASE,
    MESSAGE_JOB,
    QUEUE,
    RETRY_FACTOR,
    Delivery,
    DeliveryStatus,
    Outcome,
)
from services.alerting.deliveries.notices import Notices
from services.alerting.reasons import Reason
from services.alerting.rules.domain import Actions
from services.alerting.rules.sealing import WebhookSealer, secret_purpose
from shared.crypto import Encryptor
from shared.jobs.leases import HeldLease, Priority
from shared.jobs.queue import Job, LeaseLost
from shared.jobs.retry import RetryPolicy
from shared.jobs.worker import Lane, Pace, Worker
from tests.support.fakes import FakeClock
from tests.unit.alerting.database.repository_suite import NOW, World
from tests.unit.alerting.examples import SECRET, actions
from tests.unit.alerting.fakes import FakeUnits
from tests.unit.alerting.fakes_people import FakeSender, FakeTransport

KEYS = "test:" + "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
FAILURE = Outcome(DeliveryStatus.FAILED, 503, 1.0, Reason("the receiver answered 503"))
RETRY = RetryPolicy(3, first_delay=timedelta(seconds=5), max_delay=timedelta(hours=6), factor=RETRY_FACTOR)


def lease_of(job: Job) -> HeldLease:
    return HeldLease(job, LEASE, Priority(), sent_at=time.monotonic())


class Setting:
    """A worker over fakes, with one message to send."""

    def __init__(self, *outcomes: Outcome | Exception) -> None:
        self.clock, self.sender = FakeClock(NOW), FakeSender(list(outcomes))
        self.units = FakeUnits(self.clock)
        encryptor = Encryptor(KEYS)
        self.world = World(self.units)
        rule = self.world.rule
        sealed = encryptor.encrypt(SECRET, purpose=secret_purpose(rule.id, "cmms"))
        document = actions() | {"webhooks": {"cmms": {"url": "https://example.org/hook", "secret": sealed}}}
        self.world.rule = replace(rule, actions=Actions.load(document | {"on": ["raised"]}))
        self.mail = FakeTransport()
        courier = Courier(
            self.sender,
            self.mail,
            ChatSender(allow_hosted=False),
            Composer(),
            WebhookSealer(encryptor),
            ContactSealer(encryptor),
        )
        links = LinkMaker("https://dinsight.example", lambda count: b"r" * count)
        self.dispatcher = Dispatcher(self.units, courier, links, Notices(uuid4), self.clock, uuid4, RETRY)
        pace = Pace(LEASE, heartbeat_seconds=1)
        handlers = {MESSAGE_JOB: self.dispatcher}
        self.worker = Worker(self.units.queue, QUEUE, handlers, [Lane(16)], pace, RETRY)

    async def ready(self) -> "Setting":
        await self.world.store()
        await self.world.deliveries(1)
        return self

    async def superseded(self) -> None:
        """Add a newer message to the lane of the first."""
        [first] = self.units.memory.deliveries.values()
        newer = replace(
            first,
            id=uuid4(),
            message_id=uuid4(),
            lane_id=first.lane,
            status=DeliveryStatus.PENDING,
            created_at=first.created_at + timedelta(microseconds=1),
        )
        async with self.units(self.world.scope) as unit:
            await unit.deliveries.add(newer)

    @property
    def attempts(self) -> list[Delivery]:
        return sorted(self.units.memory.deliveries.values(), key=lambda delivery: delivery.attempt)

    @property
    def statuses(self) -> list[DeliveryStatus]:
        return [attempt.status for attempt in self.attempts]

    async def waiting(self) -> int:
        return (await self.units.queue.depth(QUEUE)).waiting


async def test_a_message_is_signed_with_the_decrypted_secret_and_sent_once() -> None:
    setting = await Setting().ready()
    assert await setting.worker.run_due() == 1
    assert await setting.worker.run_due() == 0
    (sent,) = setting.sender.sent
    assert sent[:2] == ("https://example.org/hook", (SECRET,))
    (attempt,) = setting.attempts
    assert (attempt.status, attempt.response_status) == (DeliveryStatus.DELIVERED, 204)
    assert await setting.waiting() == 0


async def test_a_failed_attempt_is_retried_up_to_the_maximum() -> None:
    setting = await Setting(FAILURE, FAILURE, FAILURE).ready()
    for bound in (timedelta(), timedelta(seconds=5), timedelta(seconds=20)):
        setting.clock.time += bound
        assert setting.attempts[-1].next_attempt_at <= setting.clock.now()
        assert await setting.worker.run_due() >= 1
    setting.clock.advance(days=2)
    assert await setting.worker.run_due() == 0
    assert [a.attempt for a in setting.attempts] == [1, 2, 3]
    assert setting.statuses == [DeliveryStatus.FAILED] * 2 + [DeliveryStatus.GIVEN_UP]
    assert {str(a.error) for a in setting.attempts} == {"the receiver answered 503"}
    assert len({message_id for _, _, message_id, _ in setting.sender.sent}) == 1
    assert await setting.waiting() == 0


async def test_a_permanent_failure_is_not_retried() -> None:
    setting = await Setting(replace(FAILURE, response_status=410, permanent=True)).ready()
    await setting.worker.run_due()
    assert setting.statuses == [DeliveryStatus.GIVEN_UP]
    assert await setting.waiting() == 0


async def test_a_webhook_removed_from_the_rule_is_not_called() -> None:
    setting = await Setting().ready()
    setting.units.memory.rules[setting.world.rule.id] = replace(setting.world.rule, actions=Actions())
    await setting.worker.run_due()
    assert setting.sender.sent == []
    assert setting.statuses == [DeliveryStatus.CANCELLED]
    assert await setting.waiting() == 0


async def test_the_messages_of_a_deleted_machine_are_dropped() -> None:
    setting = await Setting().ready()
    async with setting.units(setting.world.scope) as unit:
        await unit.rules.delete_of_machine(setting.world.machine.id)
    await setting.worker.run_due()
    assert setting.sender.sent == []
    assert await setting.waiting() == 0


async def test_a_secret_that_cannot_be_decrypted_fails_the_attempt_and_is_not_revealed() -> None:
    setting = await Setting().ready()
    stolen = replace(setting.world.rule, id=uuid4())
    memory = setting.units.memory
    memory.rules[stolen.id] = stolen
    memory.alerts = {k: replace(a, alert_rule_id=stolen.id) for k, a in memory.alerts.items()}
    await setting.worker.run_due()
    assert setting.sender.sent == [], "a secret copied to another rule cannot be decrypted"
    assert setting.statuses[0] is DeliveryStatus.GIVEN_UP
    assert SECRET not in str(setting.attempts)


async def test_an_attempt_is_repeated_when_its_worker_was_killed_after_sending() -> None:
    setting = await Setting().ready()
    [job] = await setting.units.queue.claim(QUEUE, 1, lease=LEASE)
    killed = KeyError("stands for kill -9: nothing after the sending happens")
    setting.sender.outcomes = [killed]
    with pytest.raises(KeyError):
        await setting.dispatcher.run(job, lease_of(job))
    assert await setting.worker.run_due() == 0, "the lease of the killed worker has not expired"
    setting.clock.time += LEASE + timedelta(seconds=1)
    assert await setting.worker.run_due() == 1
    first, second = setting.sender.sent
    assert first == second, "same message id, so the receiver can deduplicate"
    assert setting.statuses == [DeliveryStatus.DELIVERED]


async def test_a_message_that_crashes_its_workers_is_given_up() -> None:
    setting = await Setting().ready()
    for _ in range(RETRY.max_attempts):
        assert await setting.units.queue.claim(QUEUE, 1, lease=LEASE)
        setting.clock.time += LEASE + timedelta(seconds=1)
    await setting.worker.run_due()
    assert setting.sender.sent == []
    [attempt] = setting.attempts
    assert (attempt.status, str(attempt.error)) == (DeliveryStatus.GIVEN_UP, "the worker crashed")
    assert await setting.waiting() == 0


async def test_an_unexpected_error_is_retried_up_to_the_maximum() -> None:
    setting = await Setting(*[RuntimeError("unexpected")] * RETRY.max_attempts).ready()
    for _ in range(RETRY.max_attempts):
        assert setting.statuses == [DeliveryStatus.PENDING]
        await setting.worker.run_due()
        setting.clock.advance(hours=7)
    [attempt] = setting.attempts
    assert (attempt.status, str(attempt.error)) == (DeliveryStatus.GIVEN_UP, "unexpected error: RuntimeError")
    assert await setting.waiting() == 0


async def test_a_worker_without_its_lease_does_not_send() -> None:
    setting = await Setting().ready()
    [job] = await setting.units.queue.claim(QUEUE, 1, lease=LEASE)
    lease = lease_of(job)
    lease.lose()
    with pytest.raises(LeaseLost):
        await setting.dispatcher.run(job, lease)
    assert setting.sender.sent == []
    assert setting.statuses == [DeliveryStatus.PENDING]


async def test_a_worker_that_lost_its_lease_while_sending_does_not_record_the_outcome() -> None:
    """The other worker sends the message again, under the same message id."""
    setting = await Setting().ready()
    [job] = await setting.units.queue.claim(QUEUE, 1, lease=LEASE)
    setting.clock.time += LEASE + timedelta(seconds=1)
    [other] = await setting.units.queue.claim(QUEUE, 1, lease=LEASE)
    assert other.id == job.id
    with pytest.raises(LeaseLost):
        await setting.dispatcher.run(job, lease_of(job))
    assert setting.statuses == [DeliveryStatus.PENDING]


async def test_a_worker_without_its_lease_leaves_what_another_one_is_sending() -> None:
    setting = await Setting().ready()
    await setting.superseded()
    [job] = await setting.units.queue.claim(QUEUE, 1, lease=LEASE)
    setting.clock.time += LEASE + timedelta(seconds=1)
    assert await setting.units.queue.claim(QUEUE, 1, lease=LEASE)
    with pytest.raises(LeaseLost):
        await setting.dispatcher.run(job, lease_of(job))
    assert setting.statuses == [DeliveryStatus.PENDING] * 2
    assert setting.sender.sent == []


async def test_a_newer_message_does_not_wait_after_the_failure_of_an_older_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    setting = await Setting(FAILURE).ready()
    send = setting.sender.send

    async def slow(*arguments: Any) -> Outcome:
        """A message is added to the lane while this one is on its way."""
        outcome = await send(*arguments)
        if outcome.failed:
            await setting.superseded()
        return outcome

    monkeypatch.setattr(setting.sender, "send", slow)
    assert await setting.worker.run_due() == 2, "no time has passed"
    assert setting.statuses == [DeliveryStatus.FAILED, DeliveryStatus.DELIVERED]


async def test_a_message_returned_to_the_queue_shows_when_it_is_due() -> None:
    setting = await Setting().ready()
    [job] = await setting.units.queue.claim(QUEUE, 1, lease=LEASE)
    await setting.dispatcher.put_back(job, timedelta(seconds=9), counted=True)
    [attempt] = setting.attempts
    assert attempt.next_attempt_at == NOW + timedelta(seconds=9)
