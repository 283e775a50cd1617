"""Use cases of confirmations: ask by mail, and confirm by its link."""

import base64
import hmac
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from uuid import UUID

from services.alerting.confirmations.domain import (
    CONFIRMATION_JOB,
    FIELD,
    LIFETIME,
    MAX_MAILS_PER_WINDOW,
    MIN_PAUSE,
    SECRET_BYTES,
    WINDOW,
    ConfirmationNotValid,
    NothingToConfirm,
    Token,
    TooManyConfirmations,
)
from services.alerting.contact_points.domain import ContactKind, ContactPoint
from services.alerting.contact_points.sealing import ContactSealer
from services.alerting.database.unit import Unit
from services.alerting.deliveries.domain import QUEUE
from services.alerting.resources.domain import Kind
from shared.access import Scope
from shared.audit import Auditor
from shared.clock import Clock, IdGenerator
from shared.crypto import EncryptionError
from shared.jobs.queue import NewJob

Units = Callable[[Scope], AbstractAsyncContextManager[Unit]]
RandomBytes = Callable[[int], bytes]


class ConfirmationService:
    """The token of a link names the organization, so `confirm` opens its transaction itself."""

    def __init__(
        self,
        units: Units,
        clock: Clock,
        new_id: IdGenerator,
        auditor: Auditor,
        sealer: ContactSealer,
        random_bytes: RandomBytes,
    ) -> None:
        self._units = units
        self._clock = clock
        self._new_id = new_id
        self._auditor = auditor
        self._sealer = sealer
        self._random_bytes = random_bytes

    async def ask(
        self, unit: Unit, organization_id: UUID, resource_id: UUID, point: ContactPoint
    ) -> ContactPoint:
        """Have the mail sent, and return the point with what is known of it.

        The link stays the same until the address changes, so that it does not matter which mail is read.
        Raises NothingToConfirm, TooManyConfirmations.
        """
        if point.kind is not ContactKind.EMAIL:
            raise NothingToConfirm("only mailboxes are confirmed")
        if point.is_confirmed:
            raise NothingToConfirm("the mailbox has been confirmed")
        now = self._clock.now()
        if point.asked_at is not None and now < point.asked_at + MIN_PAUSE:
            wait = point.asked_at + MIN_PAUSE - now
            raise TooManyConfirmations(
                "A confirmation mail was sent to this mailbox less than an hour ago", wait
            )
        mails, until = await unit.ledger.count_confirmation(organization_id, now, now + WINDOW)
        if mails > MAX_MAILS_PER_WINDOW:
            what = (
                f"Your organization has sent {MAX_MAILS_PER_WINDOW} confirmation mails within a day, the"
                " maximum"
            )
            raise TooManyConfirmations(what, until - now)
        sealed = dict(point.sealed or {})
        if FIELD not in sealed:
            secret = base64.b64encode(self._random_bytes(SECRET_BYTES)).decode()
            sealed |= self._sealer.seal(resource_id, {FIELD: secret})
        job = NewJob(self._new_id(), QUEUE, CONFIRMATION_JOB, resource_id, organization_id)
        await unit.jobs.enqueue([job])
        return replace(point, sealed=sealed, asked_at=now)

    async def confirm(self, text: str) -> None:
        """Confirm the mailbox that the token was sent to, however often. Raises ConfirmationNotValid."""
        token = Token.parse(text)
        if token is None:
            raise ConfirmationNotValid
        async with self._units(Scope(organization_id=token.organization_id)) as unit:
            resource = await unit.resources.lock(Kind.CONTACT_POINT, token.contact_point_id)
            if resource is None:
                raise ConfirmationNotValid
            point = ContactPoint.load(resource.document)
            now = self._clock.now()
            if point.asked_at is None or now > point.asked_at + LIFETIME or not self._fits(token, point):
                raise ConfirmationNotValid
            if point.is_confirmed:
                return
            document = replace(point, is_confirmed=True).stored()
            await unit.resources.update(resource.changed(now, document=document))
            await self._auditor.record(
                unit.outbox,
                "contact_point.confirmed",
                user_id=None,
                organization_id=token.organization_id,
                resource_type=Kind.CONTACT_POINT.value,
                resource_id=resource.id,
                changes={"after": {"name": resource.name}},
            )

    def _fits(self, token: Token, point: ContactPoint) -> bool:
        try:
            secret = self._sealer.open(token.contact_point_id, dict(point.sealed or {}), FIELD)
        except (EncryptionError, KeyError):
            return False
        return hmac.compare_digest(base64.b64decode(secret), token.secret)
