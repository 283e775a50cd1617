"""Brings messages to their targets: by webhook, mail or chat service."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias
from uuid import UUID

from services.alerting.alerts.domain import Alert
from services.alerting.contact_points.domain import ContactKind, ContactPoint
from services.alerting.contact_points.sealing import ContactSealer
from services.alerting.database.unit import Unit
from services.alerting.deliveries.content import Composer
from services.alerting.deliveries.domain import Delivery, DeliveryStatus, Outcome
from services.alerting.reasons import Reason, gone
from services.alerting.resources.domain import Kind
from services.alerting.rules.sealing import WebhookSealer
from shared.crypto import EncryptionError
from shared.mail.domain import Mail
from shared.mail.transports import Transport


@dataclass(frozen=True, slots=True)
class WebhookRoute:
    """Signed with every secret, so that a receiver can change to the new one at any time."""

    url: str = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)
    shown: str = ""


@dataclass(frozen=True, slots=True)
class MailRoute:
    address: str = field(repr=False)
    shown: str = ""
    user_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class ChatRoute:
    url: str = field(repr=False)
    shown: str = ""


Route: TypeAlias = WebhookRoute | MailRoute | ChatRoute


class Unreachable(Exception):
    """The target cannot be told, for a reason that a retry does not change."""

    def __init__(self, reason: Reason, status: DeliveryStatus = DeliveryStatus.CANCELLED) -> None:
        super().__init__(reason.text)
        self.outcome = Outcome(status, error=reason, permanent=True)


class Sender(Protocol):
    async def send(
        self, url: str, secrets: Sequence[str], message_id: UUID, message: Mapping[str, Any]
    ) -> Outcome: ...


class Chat(Protocol):
    async def send(self, url: str, title: str, text: str) -> Outcome: ...


class Courier:
    def __init__(
        self,
        webhooks: Sender,
        mail: Transport,
        chat: Chat,
        composer: Composer,
        rule_sealer: WebhookSealer,
        sealer: ContactSealer,
    ) -> None:
        self._webhooks = webhooks
        self._mail = mail
        self._chat = chat
        self._composer = composer
        self._rule_sealer = rule_sealer
        self._sealer = sealer

    async def route(self, unit: Unit, alert: Alert, delivery: Delivery) -> Route:
        """How the target is reached now: addresses may have changed since. Raises Unreachable."""
        kind, _, rest = delivery.target_key.partition(":")
        try:
            if kind == "user":
                return await self._person(unit, UUID(rest))
            if kind == "contact":
                return await self._contact(unit, UUID(rest))
            return await self._webhook_of_rule(unit, alert, delivery.channel)
        except EncryptionError as error:
            reason = Reason(f"the address or the secret cannot be decrypted: {error}", "undecryptable")
            raise Unreachable(reason, DeliveryStatus.GIVEN_UP) from None

    async def send(
        self, route: Route, delivery: Delivery, others: Sequence[Delivery], link: str | None
    ) -> Outcome:
        """One attempt. `others` are told along; `link` acknowledges without a sign-in."""
        if isinstance(route, WebhookRoute):
            return await self._webhooks.send(route.url, route.secrets, delivery.message_id, delivery.message)
        content = self._composer.compose(delivery.message, [each.message for each in others], link)
        if isinstance(route, ChatRoute):
            return await self._chat.send(route.url, content.subject, content.short)
        mail = Mail(
            id=delivery.message_id,
            kind="alert",
            created_at=delivery.created_at,
            recipient=route.address,
            subject=content.subject,
            text=content.text,
            html=content.html,
        )
        sent = await self._mail.send(mail)
        if sent.error is None:
            return Outcome(DeliveryStatus.DELIVERED)
        reason = Reason(sent.error, "mail_not_accepted", {"error": sent.error})
        return Outcome(DeliveryStatus.FAILED, error=reason, permanent=sent.permanent)

    async def _person(self, unit: Unit, user_id: UUID) -> MailRoute:
        member = await unit.replicas.member(user_id)
        if member is None or member.deleted or not member.is_active or not member.email:
            raise Unreachable(Reason("the person is no longer an active member", "no_member"))
        return MailRoute(member.email, user_id=user_id)

    async def _contact(self, unit: Unit, resource_id: UUID) -> Route:
        resource = await unit.resources.get(Kind.CONTACT_POINT, resource_id)
        if resource is None:
            raise Unreachable(Reason("the contact point was deleted", "contact_deleted"))
        point = ContactPoint.load(resource.document)
        if not point.is_active:
            off = Reason("the contact point was switched off", "contact_switched_off")
            raise Unreachable(gone(point.disabled_reason) if point.disabled_reason else off)
        return self.open(resource_id, point)

    def open(self, resource_id: UUID, point: ContactPoint) -> Route:
        """How a contact point is reached. Raises EncryptionError, Unreachable."""
        sealed = dict(point.sealed or {})
        if not point.is_confirmed:
            raise Unreachable(Reason("whoever reads the mailbox has not confirmed it yet", "not_confirmed"))
        if point.kind is ContactKind.EMAIL:
            return MailRoute(self._sealer.open(resource_id, sealed, "address"), point.shown)
        url = self._sealer.open(resource_id, sealed, "url") if "url" in sealed else ""
        if point.kind is ContactKind.CHAT:
            return ChatRoute(url, point.shown)
        if point.kind is not ContactKind.WEBHOOK:
            said = (
                f"a contact point of kind {point.kind} has no address of its own: the people behind it get"
                " mail"
            )
            raise Unreachable(Reason(said, "reached_by_mail", {"kind": point.kind.value}))
        secrets = (self._sealer.open(resource_id, sealed, f"secret{n}") for n in range(point.secrets))
        return WebhookRoute(url, tuple(secrets), point.shown)

    async def _webhook_of_rule(self, unit: Unit, alert: Alert, channel: str) -> WebhookRoute:
        actions = await unit.ledger.actions(alert.alert_rule_id)
        webhook = actions.webhook(channel) if actions else None
        if webhook is None:
            said = f"{channel} was removed from the rule"
            raise Unreachable(Reason(said, "webhook_removed", {"channel": channel}))
        place = alert.alert_rule_id, channel.partition(":")[2], webhook
        address = self._rule_sealer.address(*place)
        return WebhookRoute(address, (self._rule_sealer.opened_secret(*place),), webhook.host)
