"""Contact points: named ways to reach somebody. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

# Of services at addresses of their own. Everything that names a host could reach into private networks.
CHAT_SERVICES = frozenset(
    {
        "aprs", "atalk", "brevo", "clickatell", "clicksend", "d7sms", "dingtalk", "discord", "feishu",
        "flock", "gchat", "httpsms", "kavenegar", "lark", "line", "msg91", "msgbird", "opsgenie", "pagerduty",
        "plivo", "pover", "pushy", "ryver", "sendpulse", "seven", "signl4", "sinch", "slack", "spike",
        "splunk", "tgram", "threema", "twilio", "twist", "voipms", "vonage", "wecombot", "whatsapp",
        "workflows", "wxteams", "wxpusher", "zulip",
    }
)  # fmt: skip
# Of these, what the hosts of those that have many end with.
HOSTS_OF_SERVICES: Mapping[str, tuple[str, ...]] = {
    "workflows": (".logic.azure.com", ".api.powerplatform.com"),
    "zulip": (".zulipchat.com",),
}
# Reached at any host; for installations that allow private addresses.
HOSTED_SERVICES = frozenset(
    {
        "bark", "barks", "bluesky", "form", "forms", "gotify", "gotifys", "json", "jsons", "lametric",
        "lametrics", "matrix", "matrixs", "mmost", "mmosts", "nctalk", "nctalks", "notifico", "notificos",
        "ntfy", "ntfys", "rocket", "rockets", "signal", "signals", "smseagle", "smseagles", "xml", "xmls",
    }
)  # fmt: skip


class ContactKind(StrEnum):
    EMAIL = "email"
    WEBHOOK = "webhook"
    CHAT = "apprise"
    ROLE = "role"
    USER = "user"
    ROTATION = "rotation"


@dataclass(frozen=True, slots=True)
class ContactPoint:
    """`shown` is what everybody may see of it; `sealed` holds the rest by field, encrypted.

    `secrets` counts those of a webhook. `who` names the role, the user or the rotation. A mailbox gets
    nothing until whoever reads it has confirmed it, by the link in the mail that was last sent at `asked_at`.
    """

    kind: ContactKind
    shown: str
    is_active: bool = True
    disabled_reason: str | None = None
    who: str | None = None
    secrets: int = 0
    sealed: Mapping[str, str] | None = None
    is_confirmed: bool = True
    asked_at: datetime | None = None

    @classmethod
    def load(cls, stored: Mapping[str, Any]) -> "ContactPoint":
        return cls(
            ContactKind(stored["kind"]),
            stored["shown"],
            stored["is_active"],
            stored.get("disabled_reason"),
            stored.get("who"),
            stored.get("secrets", 0),
            stored.get("sealed"),
            # One from before there were confirmations needs none.
            stored.get("is_confirmed", True),
            datetime.fromisoformat(stored["asked_at"]) if stored.get("asked_at") else None,
        )

    def stored(self) -> dict[str, Any]:
        return {
            "kind": self.kind.value,
            "shown": self.shown,
            "is_active": self.is_active,
            "disabled_reason": self.disabled_reason,
            "who": self.who,
            "secrets": self.secrets,
            "sealed": dict(self.sealed or {}),
            "is_confirmed": self.is_confirmed,
            "asked_at": self.asked_at.isoformat() if self.asked_at else None,
        }

    def switched(self, is_active: bool, reason: str | None = None) -> "ContactPoint":
        return replace(self, is_active=is_active, disabled_reason=None if is_active else reason)


def masked_address(address: str) -> str:
    """Enough of a mail address to recognize it by: a...@example.org."""
    name, _, host = address.rpartition("@")
    return f"{name[:1]}...@{host}" if name else "..."


def chat_service(url: str) -> str:
    """The service that an apprise URL names."""
    return urlsplit(url).scheme.lower()
