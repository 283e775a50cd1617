"""The `actions` of an alert rule, as pydantic models: who is notified of which changes of its alert.

Secrets are sealed as soon as the document is read, so that plain ones exist only in the request.
"""

import base64
import binascii
import ipaddress
from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, Any, TypeAlias
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    model_validator,
)
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError

from services.alerting.errors import InvalidRule
from services.alerting.rules.documents import (
    Document,
    Duration,
    NotEvaluated,
    Problem,
    Version,
    invalid,
    to_timedelta,
)
from services.alerting.rules.domain import CHANNEL_PREFIX, DEFAULT_ON, Actions, Notifiable, Webhook
from shared.errors import FieldError
from shared.http.fields import NotNull

MAX_URL_LENGTH = 2000
MAX_SECRET_LENGTH = 200
MAX_WEBHOOKS = 10
MAX_STEPS = 10
MAX_CHANNELS = 20
SECRET_PREFIX = "whsec_"  # noqa: S105 - the prefix that Standard Webhooks gives to secrets
# The key sizes that Standard Webhooks requires.
MIN_KEY_BYTES, MAX_KEY_BYTES = 24, 64
EXAMPLE: JsonDict = {
    "version": 1,
    "on": ["raised", "severity_changed", "reopened", "resolved"],
    "steps": [{"after": "PT0S", "channels": ["webhook:cmms"]}],
    "webhooks": {
        "cmms": {"url": "https://example.org/hook", "secret": "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"}
    },
}
WEBHOOK_NAME = "[a-z0-9][a-z0-9_-]{0,49}"

Seal: TypeAlias = Callable[[str, str], str]
"""Encrypts (webhook name, secret)."""


def _check_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        if host.replace(".", "").isdigit():
            # Libraries disagree on the host that a number means, unless it is a plain IPv4 address.
            ipaddress.IPv4Address(host)
        usable = parts.scheme in ("http", "https") and bool(host) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or not url.isascii() or any(character.isspace() for character in url):
        raise PydanticCustomError("url", "must be an http or https URL, such as https://example.org/hook")
    if parts.username is not None or parts.fragment:
        raise PydanticCustomError(
            "url", "must not contain a user, password or fragment: messages are signed instead"
        )
    return url


def _check_secret(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value()
    try:
        key = base64.b64decode(text.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(text) > MAX_SECRET_LENGTH or not MIN_KEY_BYTES <= len(key) <= MAX_KEY_BYTES:
        raise PydanticCustomError(
            "secret",
            "must be base64 of {shortest} to {longest} random bytes, with or without the prefix whsec_:"
            " openssl rand -base64 32 makes one",
            {"shortest": MIN_KEY_BYTES, "longest": MAX_KEY_BYTES},
        )
    return secret


def _check_channel(channel: Any) -> Any:
    if channel == "email":
        raise PydanticCustomError("not_sent", "email is not sent yet, so it is not accepted: use a webhook")
    return channel


def _check_immediate(after: str) -> str:
    if to_timedelta(after) != timedelta(0):
        raise PydanticCustomError("not_evaluated", "steps that wait are not evaluated yet: use PT0S")
    return after


SigningSecret: TypeAlias = Annotated[SecretStr, AfterValidator(_check_secret)]
WebhookName: TypeAlias = Annotated[str, StringConstraints(pattern=f"^{WEBHOOK_NAME}$")]
WebhookUrl: TypeAlias = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MAX_URL_LENGTH),
    AfterValidator(_check_url),
    Field(json_schema_extra={"format": "uri"}),
]
Channel: TypeAlias = Annotated[
    str, StringConstraints(pattern=f"^{CHANNEL_PREFIX}{WEBHOOK_NAME}$"), BeforeValidator(_check_channel)
]


class WebhookDocument(Document):
    """A receiver of messages, which are signed as Standard Webhooks describes."""

    url: WebhookUrl
    secret: Annotated[SigningSecret | None, NotNull()] = Field(
        default=None,
        description="Signs the messages. Never returned. Without one, the webhook keeps its current secret.",
    )


class StepDocument(Document):
    """Notifies its channels without delay."""

    after: Annotated[Duration, AfterValidator(_check_immediate)] = "PT0S"
    channels: Annotated[tuple[Channel, ...], Field(min_length=1, max_length=MAX_CHANNELS)]
    to: NotEvaluated = None
    unless: NotEvaluated = None
    repeat: NotEvaluated = None


class ActionsDocument(Document):
    """Who is notified of which changes of an alert."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    version: Version
    on: Annotated[tuple[Notifiable, ...], Field(min_length=1, max_length=5)] = DEFAULT_ON
    steps: Annotated[tuple[StepDocument, ...], Field(max_length=MAX_STEPS)] = ()
    webhooks: Annotated[dict[WebhookName, WebhookDocument], Field(max_length=MAX_WEBHOOKS)] = Field(
        default_factory=dict
    )
    runbook_url: NotEvaluated = None

    @model_validator(mode="after")
    def _check_channels(self) -> "ActionsDocument":
        known = [CHANNEL_PREFIX + name for name in sorted(self.webhooks)]
        expected = (
            f"must be one of {', '.join(known)}"
            if known
            else f"must be {CHANNEL_PREFIX}NAME, with NAME described under webhooks"
        )
        problems: list[Problem] = [
            (("steps", step, "channels", place), expected)
            for step, content in enumerate(self.steps)
            for place, channel in enumerate(content.channels)
            if channel not in known
        ]
        problems += [
            (
                ("webhooks", name),
                f"is not used by any step: add {CHANNEL_PREFIX}{name} to channels",
            )
            for name in self.webhooks
            if CHANNEL_PREFIX + name not in self.channels
        ]
        if problems:
            raise invalid(problems)
        return self

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels of all steps, each once."""
        return tuple(dict.fromkeys(channel for step in self.steps for channel in step.channels))

    def sealed(self, seal: Seal, before: Actions | None = None) -> Actions:
        """The actions to be stored. Raises InvalidRule for a webhook without a secret.

        A webhook that the rule had `before` keeps its secret if it is sent without one.
        """
        kept = (before or Actions()).webhooks
        webhooks = {
            name: Webhook(webhook.url, seal(name, webhook.secret.get_secret_value()))
            if webhook.secret
            else Webhook(webhook.url, kept[name].sealed_secret)
            for name, webhook in self.webhooks.items()
            if webhook.secret or name in kept
        }
        missing = [f"/body/actions/webhooks/{name}" for name in self.webhooks if name not in webhooks]
        if missing:
            detail = "needs a secret, which signs its messages"
            raise InvalidRule([FieldError(pointer, detail) for pointer in missing])
        return Actions(tuple(dict.fromkeys(self.on)), self.channels, webhooks)
