"""Rules: what watches a machine, and who is notified of an alert."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal, TypeAlias
from urllib.parse import urlsplit
from uuid import UUID

from services.alerting.rules.signals import Severity

CHANNEL_PREFIX = "webhook:"
Notifiable: TypeAlias = Literal["raised", "severity_changed", "acknowledged", "reopened", "resolved"]
DEFAULT_ON: tuple[Notifiable, ...] = ("raised", "severity_changed", "reopened", "resolved")


def host_of(url: str) -> str:
    """The address without path and query, which often hold a key."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


@dataclass(frozen=True, slots=True)
class Webhook:
    """`sealed_secret` is encrypted; it is opened only to sign a message."""

    url: str
    sealed_secret: str

    @property
    def target(self) -> str:
        """Where it goes, without the query, which often holds a key."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}{parts.path}"


@dataclass(frozen=True, slots=True)
class Actions:
    """`on` are the changes that notify; `channels` are notified at once, each one time."""

    on: tuple[str, ...] = DEFAULT_ON
    channels: tuple[str, ...] = ()
    webhooks: Mapping[str, Webhook] = field(default_factory=dict)

    def webhook(self, channel: str) -> Webhook | None:
        return self.webhooks.get(channel.removeprefix(CHANNEL_PREFIX))

    def notified(self, change: str) -> tuple[str, ...]:
        """The channels that are notified of `change`."""
        return self.channels if change in self.on else ()

    def stored(self) -> dict[str, Any]:
        """The document as it lies in the database, secrets sealed."""
        return self._document(
            {name: {"url": hook.url, "secret": hook.sealed_secret} for name, hook in self.webhooks.items()}
        )

    def public(self, *, whole_addresses: bool) -> dict[str, Any]:
        """The document as a client may see it: without secrets, addresses whole or reduced to their host."""
        return self._document(
            {
                name: {"url": hook.url if whole_addresses else host_of(hook.url)}
                for name, hook in self.webhooks.items()
            }
        )

    def _document(self, webhooks: Mapping[str, Any]) -> dict[str, Any]:
        steps = [{"after": "PT0S", "channels": list(self.channels)}] if self.channels else []
        return {"version": 1, "on": list(self.on), "steps": steps, "webhooks": dict(webhooks)}

    @classmethod
    def load(cls, stored: Mapping[str, Any]) -> "Actions":
        """From the database."""
        webhooks = {name: Webhook(w["url"], w["secret"]) for name, w in stored["webhooks"].items()}
        channels = [channel for step in stored["steps"] for channel in step["channels"]]
        return cls(tuple(stored["on"]), tuple(channels), webhooks)


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule watches one machine. `condition` is the document as its author wrote it."""

    id: UUID
    organization_id: UUID
    machine_id: UUID
    name: str
    condition: Mapping[str, Any]
    actions: Actions
    severity: Severity
    is_active: bool
    created_by: UUID
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None
    version: int

    @property
    def dedupe_key(self) -> str:
        """At most one open alert has it. A rule is for one machine, so both are in it."""
        return f"rule:{self.id}/machine:{self.machine_id}"

    def changed(self, changes: Mapping[str, Any], now: datetime) -> "Rule":
        return replace(self, **changes, updated_at=now, version=self.version + 1)


@dataclass(frozen=True, slots=True)
class RuleFilter:
    machine_id: UUID | None = None
    is_active: bool | None = None
