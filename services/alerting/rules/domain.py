"""Rules: when an alert opens for a machine, and who is notified of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal, TypeAlias
from urllib.parse import urlsplit
from uuid import UUID

from services.alerting.deliveries.escalation import Step
from services.alerting.rules.durations import to_duration, to_timedelta
from services.alerting.rules.signals import Severity

CHANNEL_PREFIX = "webhook:"
EMAIL = "email"
Notifiable: TypeAlias = Literal[
    "raised",
    "updated",
    "severity_changed",
    "acknowledged",
    "unacknowledged",
    "assigned",
    "commented",
    "reopened",
    "recovering",
    "resolved",
]
DEFAULT_ON: tuple[Notifiable, ...] = ("raised", "severity_changed", "reopened", "resolved")


def host_of(url: str) -> str:
    """The address without path and query, which often hold a key."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


@dataclass(frozen=True, slots=True)
class Webhook:
    """`url` is the host if the whole address is in `sealed_url`, and else the whole address.

    `sealed_url` and `sealed_secret` are encrypted, and decrypted only to send a message or to show the
    address to an administrator.
    """

    url: str
    sealed_secret: str
    sealed_url: str | None = None

    @property
    def host(self) -> str:
        return host_of(self.url)

    def document(self) -> dict[str, str]:
        stored = {"url": self.url, "secret": self.sealed_secret}
        return stored if self.sealed_url is None else {**stored, "sealed_url": self.sealed_url}


@dataclass(frozen=True, slots=True)
class Grouping:
    """What people read of alerts that have all of `by` in common within `wait` comes as one message."""

    by: tuple[str, ...]
    wait: timedelta


@dataclass(frozen=True, slots=True)
class Actions:
    """`on` lists the changes that notify those whom `steps` have reached.

    While an alert of a rule that `inhibits` is open, less severe alerts of its machine notify nobody. None:
    it does if its condition asks for the health state `failing`.
    """

    on: tuple[str, ...] = DEFAULT_ON
    steps: tuple[Step, ...] = ()
    webhooks: Mapping[str, Webhook] = field(default_factory=dict)
    runbook_url: str | None = None
    group: Grouping | None = None
    inhibits: bool | None = None

    def webhook(self, channel: str) -> Webhook | None:
        return self.webhooks.get(channel.removeprefix(CHANNEL_PREFIX))

    def stored(self) -> dict[str, Any]:
        """The document as it is stored, with sealed secrets and addresses."""
        return self._document({name: hook.document() for name, hook in self.webhooks.items()})

    def public(self, address: Callable[[str, Webhook], str] | None = None) -> dict[str, Any]:
        """The document as clients see it, without secrets.

        `address` returns what is shown of the webhook with a name; without it, that is the host.
        """
        return self._document(
            {
                name: {"url": address(name, hook) if address else hook.host}
                for name, hook in self.webhooks.items()
            }
        )

    def _document(self, webhooks: Mapping[str, Any]) -> dict[str, Any]:
        document = {
            "version": 1,
            "on": list(self.on),
            "steps": [_step_document(step) for step in self.steps],
            "webhooks": dict(webhooks),
        }
        if self.runbook_url is not None:
            document["runbook_url"] = self.runbook_url
        if self.group is not None:
            document["group"] = {"by": list(self.group.by), "wait": to_duration(self.group.wait)}
        if self.inhibits is not None:
            document["inhibits"] = self.inhibits
        return document

    @classmethod
    def load(cls, stored: Mapping[str, Any]) -> "Actions":
        """Read a stored document."""
        webhooks = {
            name: Webhook(hook["url"], hook["secret"], hook.get("sealed_url"))
            for name, hook in stored["webhooks"].items()
        }
        group = stored.get("group")
        return cls(
            tuple(stored["on"]),
            tuple(_load_step(step) for step in stored["steps"]),
            webhooks,
            stored.get("runbook_url"),
            Grouping(tuple(group["by"]), to_timedelta(group["wait"])) if group else None,
            stored.get("inhibits"),
        )


def _step_document(step: Step) -> dict[str, Any]:
    document: dict[str, Any] = {"after": to_duration(step.after)}
    for name in ("to", "channels", "unless"):
        if values := getattr(step, name):
            document[name] = list(values)
    if step.repeat is not None:
        document["repeat"] = to_duration(step.repeat)
    return document


def _load_step(stored: Mapping[str, Any]) -> Step:
    repeat = stored.get("repeat")
    return Step(
        to_timedelta(stored["after"]),
        tuple(stored.get("to", ())),
        tuple(stored.get("channels", ())),
        tuple(stored.get("unless", ())),
        to_timedelta(repeat) if repeat else None,
    )


@dataclass(frozen=True, slots=True)
class Rule:
    """Watches one machine. `condition` is the document as its author wrote it.

    A rule of a template is as `template_version` of it, except for the fields in `overrides`.
    """

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
    template_id: UUID | None = None
    template_version: int | None = None
    overrides: tuple[str, ...] = ()

    @property
    def dedupe_key(self) -> str:
        """Identifies the open alert, of which there is at most one per key."""
        return f"rule:{self.id}/machine:{self.machine_id}"

    def changed(self, changes: Mapping[str, Any], now: datetime) -> "Rule":
        return replace(self, **changes, updated_at=now, version=self.version + 1)


@dataclass(frozen=True, slots=True)
class RuleFilter:
    machine_id: UUID | None = None
    is_active: bool | None = None
    template_id: UUID | None = None
