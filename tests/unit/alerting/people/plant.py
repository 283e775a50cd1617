"""An organization whose alerts reach people, on fakes, and time that passes."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from services.alerting.acknowledgements.links import LinkMaker
from services.alerting.acknowledgements.service import LinkService
from services.alerting.alerts.announcer import Announcer
from services.alerting.alerts.changes import AlertChange
from services.alerting.alerts.domain import Alert, Change, Resolution
from services.alerting.alerts.service import AlertService
from services.alerting.confirmations.domain import CONFIRMATION_JOB
from services.alerting.confirmations.mailer import ConfirmationMailer
from services.alerting.contact_points.sealing import ContactSealer
from services.alerting.deliveries.chat import ChatSender
from services.alerting.deliveries.content import Composer
from services.alerting.deliveries.courier import Courier
from services.alerting.deliveries.dispatcher import Dispatcher
from services.alerting.deliveries.domain import (
    LEASE,
    MESSAGE_JOB,
    QUEUE,
    DeliveryStatus,
)
from services.alerting.deliveries.escalation import Step
from services.alerting.deliveries.notices import Notices
from services.alerting.deliveries.notifier import Notifier
from services.alerting.replicas.domain import MemberRef
from services.alerting.replicas.service import ReplicaService
from services.alerting.resources.domain import Kind, Resource
from services.alerting.rules.domain import Actions, Rule, Webhook
from services.alerting.rules.sealing import WebhookSealer, secret_purpose
from services.alerting.rules.signals import Severity
from services.alerting.timer.kinds import NOTIFY
from services.alerting.timer.runner import timer_worker
from shared.audit import Auditor
from shared.crypto import Encryptor
from shared.jobs.queue import JobHandler
from shared.jobs.retry import RetryPolicy
from shared.jobs.worker import Lane, Pace, Worker
from tests.support.fakes import FakeClock
from tests.unit.alerting.database.repository_suite import NOW, World, make_alert
from tests.unit.alerting.examples import SECRET
from tests.unit.alerting.fakes import FakeUnits
from tests.unit.alerting.fakes_people import FakeSender, FakeTransport

KEYS = "test:" + "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
MINUTE = timedelta(minutes=1)
RETRY = RetryPolicy(3, first_delay=timedelta(seconds=5), max_delay=timedelta(hours=1), factor=4.0)
OPERATORS = Step(to=("role:operator",), repeat=60 * MINUTE)
ADMINS = Step(after=15 * MINUTE, to=("role:admin",), unless=("acknowledged",))
CMMS = Step(channels=("webhook:cmms",))
HOOK = "https://example.org/hook"


class Plant:
    """An organization with an operator and an admin, a machine and a rule, and everything that sends."""

    def __init__(self, *steps: Step, **actions: Any) -> None:
        self.clock, self.sender, self.mail = FakeClock(NOW), FakeSender(), FakeTransport()
        self.units = FakeUnits(self.clock)
        self.world = World(self.units)
        self.encryptor = Encryptor(KEYS)
        self.rule = replace(self.world.rule, actions=self.actions(self.world.rule.id, steps, **actions))
        self.world.rule = self.rule
        self.notifier = Notifier(self.clock, uuid4, "https://dinsight.example")
        self.announcer = Announcer(self.notifier)
        auditor = Auditor(self.clock)
        self.alerts = AlertService(self.clock, auditor, ReplicaService(), self.announcer)
        self.links = LinkService(self.units, self.clock, auditor, self.alerts)
        sealers = WebhookSealer(self.encryptor), ContactSealer(self.encryptor)
        chat = ChatSender(allow_hosted=False)
        self.courier = courier = Courier(self.sender, self.mail, chat, Composer(), *sealers)
        links = LinkMaker("https://dinsight.example", lambda count: uuid4().bytes + b"r" * (count - 16))
        self.dispatcher = Dispatcher(self.units, courier, links, Notices(uuid4), self.clock, uuid4, RETRY)
        pace = Pace(LEASE, heartbeat_seconds=1)
        mailer = ConfirmationMailer(self.units, self.clock, sealers[1], self.mail, "https://dinsight.example")
        handlers: dict[str, JobHandler] = {MESSAGE_JOB: self.dispatcher, CONFIRMATION_JOB: mailer}
        self.worker = Worker(self.units.queue, QUEUE, handlers, [Lane(1)], pace, RETRY)
        self.timers = timer_worker(self.units.queue, self.units, {NOTIFY: self.notifier.on_timer})

    def actions(self, rule_id: UUID, steps: tuple[Step, ...], **more: Any) -> Actions:
        sealed = self.encryptor.encrypt(SECRET, purpose=secret_purpose(rule_id, "cmms"))
        return Actions(steps=steps, webhooks={"cmms": Webhook(HOOK, sealed)}, **more)

    async def built(self) -> "Plant":
        await self.world.store()
        for name, role in (("olga", "operator"), ("anna", "admin")):
            await self.member(name, role)
        return self

    async def member(self, name: str, role: str) -> MemberRef:
        address = f"{name}@example.org"
        member = MemberRef(self.world.organization_id, uuid4(), address, name, role, True, False, 1)
        async with self.units(self.world.scope) as unit:
            await unit.replicas.merge_member(member)
        return member

    async def resource(
        self,
        kind: Kind,
        name: str,
        document: dict[str, Any],
        ends_at: datetime | None = None,
        by: UUID | None = None,
    ) -> Resource:
        now, organization = self.clock.now(), self.world.organization_id
        made = Resource(
            uuid4(), organization, kind, name, document, ends_at, by or self.world.user_id, now, now, 1
        )
        async with self.units(self.world.scope) as unit:
            assert await unit.resources.add(made)
        return made

    async def silence(self, minutes: int, **matcher: Any) -> Resource:
        document = {"reason": "r", "matcher": matcher, "starts_at": self.clock.now().isoformat()}
        return await self.resource(Kind.SILENCE, "s", document, self.clock.now() + minutes * MINUTE)

    async def raised(self, rule: Rule | None = None, severity: Severity = Severity.MEDIUM) -> Alert:
        alert = make_alert(rule or self.rule, severity, created_at=self.clock.now())
        async with self.units(self.world.scope) as unit:
            assert await unit.alerts.add(alert)
        return await self.change(alert, Change.RAISED, rule)

    async def change(self, alert: Alert, kind: Change, rule: Rule | None = None) -> Alert:
        async with self.units(self.world.scope) as unit:
            await unit.alerts.update(alert)
            change = AlertChange(alert, kind, self.clock.now())
            await self.announcer.announce(unit, rule or self.rule, change)
        return alert

    async def resolve(self, alert: Alert, rule: Rule | None = None) -> None:
        resolved = self.now_of(alert).resolved(None, Resolution("done"), self.clock.now())
        await self.change(resolved, Change.RESOLVED, rule)

    def now_of(self, alert: Alert) -> Alert:
        return self.units.memory.alerts[alert.id]

    async def pass_time(self, minutes: float = 0) -> list[str]:
        """Let time pass minute by minute, and return who was told of what in it."""
        self.mail.sent.clear()
        self.sender.sent.clear()
        for passed in range(int(minutes) + 1):
            self.clock.time += MINUTE if passed else timedelta()
            await self.timers.run_due()
            await self.worker.run_due()
        told = [f"{mail.recipient.split('@')[0]}: {mail.subject}" for mail in self.mail.sent]
        return told + [f"{url}: {message['type']}" for url, _, _, message in self.sender.sent]

    def statuses(self) -> list[DeliveryStatus]:
        return [each.status for each in self.units.memory.deliveries.values()]
