"""Acknowledges alerts by a link, without a sign-in."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from services.alerting.acknowledgements.domain import Link
from services.alerting.acknowledgements.links import parse
from services.alerting.alerts.domain import Alert
from services.alerting.alerts.service import Acknowledgement, AlertService
from services.alerting.database.unit import Unit
from shared.access import Scope
from shared.audit import Auditor
from shared.clock import Clock
from shared.errors import NotFound

Units = Callable[[Scope], AbstractAsyncContextManager[Unit]]


class LinkNotValid(NotFound):
    """The same for every reason, so that guessing reveals nothing."""

    def __init__(self) -> None:
        super().__init__(
            "The link no longer works: it can be used once, within two days, only until the alert is"
            " resolved, and not by somebody who has left the organization. Sign in to see the alert."
        )


class LinkService:
    """The token names the organization, so this service opens its transactions itself."""

    def __init__(self, units: Units, clock: Clock, auditor: Auditor, alerts: AlertService) -> None:
        self._units = units
        self._clock = clock
        self._auditor = auditor
        self._alerts = alerts

    async def preview(self, token: str) -> tuple[Alert, Link]:
        """What the link is about. Mail scanners may follow it: nothing changes. Raises LinkNotValid."""
        scope, digest = self._parsed(token)
        async with self._units(scope) as unit:
            link = await self._standing(unit, await unit.ledger.link(digest))
            alert = await unit.alerts.get(link.alert_id) if link else None
        return self._valid(alert, link)

    async def acknowledge(self, token: str, note: str | None) -> tuple[Alert, Link]:
        """Acknowledge the alert, unless that was done before. Raises LinkNotValid."""
        scope, digest = self._parsed(token)
        async with self._units(scope) as unit:
            found = await unit.ledger.link(digest)
            # The alert first, as everywhere: whoever resolves it ends its links after that.
            alert = await unit.alerts.lock(found.alert_id) if found else None
            link = await self._standing(unit, await unit.ledger.lock_link(digest))
            alert, link = self._valid(alert, link)
            now = self._clock.now()
            await unit.ledger.end_link(digest, now)
            if alert.acknowledged_at is None:
                alert = await self._acknowledge(unit, alert, link, note)
        return alert, link

    async def _acknowledge(self, unit: Unit, alert: Alert, link: Link, note: str | None) -> Alert:
        by_link = f"by the link sent to {link.recipient}"
        reason = f"{note} ({by_link})" if note else f"Acknowledged {by_link}"
        alert, _ = await self._alerts.acknowledge_as(unit, Acknowledgement(link.user_id, reason), alert.id)
        await self._auditor.record(
            unit.outbox,
            "alert.acknowledged",
            user_id=link.user_id,
            organization_id=alert.organization_id,
            resource_type="alert",
            resource_id=alert.id,
            changes={"after": {"note": reason}},
        )
        return alert

    @staticmethod
    async def _standing(unit: Unit, link: Link | None) -> Link | None:
        """The link, unless the member whom it was sent to has lost access since."""
        if link is None or link.user_id is None:
            return link
        member = await unit.replicas.member(link.user_id)
        return link if member and member.is_active and not member.deleted else None

    @staticmethod
    def _parsed(token: str) -> tuple[Scope, bytes]:
        parsed = parse(token)
        if parsed is None:
            raise LinkNotValid
        organization_id, digest = parsed
        return Scope(organization_id=organization_id), digest

    def _valid(self, alert: Alert | None, link: Link | None) -> tuple[Alert, Link]:
        if alert is None or link is None or not alert.is_open or not link.works(self._clock.now()):
            raise LinkNotValid
        return alert, link
