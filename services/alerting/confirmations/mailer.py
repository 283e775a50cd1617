"""Sends the mail that asks whoever reads a mailbox to confirm it. One job per mail."""

import base64
import textwrap
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import timedelta

import structlog

from services.alerting.confirmations.domain import CONFIRMATION_JOB, FIELD, Token
from services.alerting.contact_points.domain import ContactPoint
from services.alerting.contact_points.sealing import ContactSealer
from services.alerting.database.unit import Unit
from services.alerting.mail_links import address
from services.alerting.resources.domain import Kind
from shared.access import Scope
from shared.clock import Clock
from shared.jobs.queue import Job, Lease
from shared.mail.domain import Mail
from shared.mail.names import quoted
from shared.mail.transports import Transport

PAGE = "/api/v1/contact-confirmations"
SUBJECT = "Confirm this mailbox for DInsight alerts"
TEXT = """\
{organization} wants DInsight to send alerts about machines to this mailbox.
{person} added it as the contact point {name}.

Nothing will be sent here unless you confirm. If you expect such alerts, open
this page within seven days and confirm:

{link}

If you do not expect them, ignore this message."""
LINE_LENGTH = 76
Units = Callable[[Scope], AbstractAsyncContextManager[Unit]]

logger = structlog.get_logger(__name__)


class MailNotSent(Exception):
    """The job is retried."""


class ConfirmationMailer:
    """Handles the jobs. A mailbox that was confirmed or removed meanwhile gets nothing."""

    def __init__(
        self, units: Units, clock: Clock, sealer: ContactSealer, mail: Transport, public_url: str
    ) -> None:
        self._units = units
        self._clock = clock
        self._sealer = sealer
        self._mail = mail
        self._public_url = public_url

    async def run(self, job: Job, lease: Lease) -> None:
        async with self._units(_scope(job)) as unit:
            mail = await self._compose(unit, job)
            if mail is None:
                await unit.jobs.complete(job)
                return
        # A worker that has lost its lease must not send: another one will.
        await lease.turn()
        sent = await self._mail.send(mail)
        if sent.error is not None and not sent.permanent:
            raise MailNotSent(sent.error)
        async with self._units(_scope(job)) as unit:
            await unit.jobs.complete(job)
        logger.info("confirmation mailed", contact_point_id=str(job.subject_id), error=sent.error)

    async def put_back(self, job: Job, after: timedelta, *, counted: bool) -> None:
        async with self._units(_scope(job)) as unit:
            await unit.jobs.retry(job, after, counted=counted)

    async def give_up(self, job: Job, error: Exception | None) -> None:
        async with self._units(_scope(job)) as unit:
            await unit.jobs.complete(job)
        logger.error("confirmation not mailed", contact_point_id=str(job.subject_id), error=str(error))

    async def _compose(self, unit: Unit, job: Job) -> Mail | None:
        resource = await unit.resources.get(Kind.CONTACT_POINT, job.subject_id)
        point = ContactPoint.load(resource.document) if resource else None
        if resource is None or point is None or point.is_confirmed:
            return None
        sealed = dict(point.sealed or {})
        secret = base64.b64decode(self._sealer.open(resource.id, sealed, FIELD))
        token = Token(resource.organization_id, resource.id, secret)
        person = await unit.replicas.member(resource.created_by)
        organization = await unit.ledger.organization_name()
        text = TEXT.format(
            person=quoted(person.full_name) if person and person.full_name else "Somebody",
            organization=quoted(organization) if organization else "An organization",
            name=quoted(resource.name),
            link=address(self._public_url, PAGE, token.raw),
        )
        paragraphs = (
            textwrap.fill(each, LINE_LENGTH, break_long_words=False, break_on_hyphens=False)
            for each in text.split("\n\n")
        )
        return Mail(
            id=job.id,
            kind=CONFIRMATION_JOB,
            created_at=self._clock.now(),
            recipient=self._sealer.open(resource.id, sealed, "address"),
            subject=SUBJECT,
            text="\n\n".join(paragraphs) + "\n",
        )


def _scope(job: Job) -> Scope:
    return Scope(organization_id=job.organization_id)
