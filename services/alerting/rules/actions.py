"""The `actions` of an alert rule, as pydantic models: who is notified of which changes of its alert.

Secrets are sealed as soon as the document is read, so that plain ones exist only in the request.
"""

import base64
import binascii
import ipaddress
from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, Literal, TypeAlias
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    model_validator,
)
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError

from services.alerting.deliveries.escalation import Step
from services.alerting.errors import InvalidRule
from services.alerting.rules.documents import (
    Document,
    Duration,
    Problem,
    Version,
    invalid,
)
from services.alerting.rules.domain import (
    CHANNEL_PREFIX,
    DEFAULT_ON,
    EMAIL,
    Actions,
    Grouping,
    Notifiable,
    Webhook,
)
from services.alerting.rules.durations import to_timedelta
from shared.errors import FieldError
from shared.http.fields import NotNull

MAX_URL_LENGTH = 2000
MAX_SECRET_LENGTH = 200
MAX_WEBHOOKS = 10
MAX_STEPS = 10
MAX_CHANNELS = 20
MIN_REPEAT = timedelta(minutes=5)
MAX_WAIT = timedelta(days=30)
MAX_GROUP_WAIT = timedelta(hours=1)
SECRET_PREFIX = "whsec_"  # noqa: S105 - the prefix that Standard Webhooks gives to secrets
# The key sizes that Standard Webhooks requires.
MIN_KEY_BYTES, MAX_KEY_BYTES = 24, 64
EXAMPLE: JsonDict = {
    "version": 1,
    "on": ["raised", "severity_changed", "reopened", "resolved"],
    "steps": [
        {"after": "PT0S", "to": ["role:operator"], "channels": ["email", "webhook:cmms"], "repeat": "PT4H"},
        {"after": "PT15M", "unless": ["acknowledged"], "to": ["role:admin"]},
    ],
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


def _check_recipient(recipient: str) -> str:
    if recipient.startswith("user:"):
        try:
            return f"user:{UUID(recipient[5:])}"
        except ValueError:
            raise PydanticCustomError("recipient", "must be user: and the id of a member") from None
    return recipient


def _check_repeat(repeat: str) -> str:
    if to_timedelta(repeat) < MIN_REPEAT:
        raise PydanticCustomError("repeat", "must be at least PT5M, so that nobody is flooded")
    return repeat


def _check_wait(length: str) -> str:
    if to_timedelta(length) > MAX_WAIT:
        raise PydanticCustomError("wait", "must be at most P30D")
    return length


def _check_group_wait(length: str) -> str:
    if to_timedelta(length) > MAX_GROUP_WAIT:
        raise PydanticCustomError("wait", "must be at most PT1H: an alert must not wait longer")
    return length


def _check_runbook(url: str) -> str:
    """It stands in mails as it is: no text may follow it, and no other host may seem to be its own."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.username is None
    except ValueError:
        usable = False
    if not usable or not url.isprintable() or any(character.isspace() for character in url):
        raise PydanticCustomError(
            "url", "must be an http or https URL, such as https://wiki.example.org/pump"
        )
    return url


SigningSecret: TypeAlias = Annotated[SecretStr, AfterValidator(_check_secret)]
WebhookName: TypeAlias = Annotated[str, StringConstraints(pattern=f"^{WEBHOOK_NAME}$")]
WebhookUrl: TypeAlias = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MAX_URL_LENGTH),
    AfterValidator(_check_url),
    Field(json_schema_extra={"format": "uri"}),
]
HANDLE = "[a-z0-9][a-z0-9_-]{0,49}"
Handle: TypeAlias = Annotated[str, StringConstraints(pattern=f"^{HANDLE}$")]
Channel: TypeAlias = Annotated[str, StringConstraints(pattern=f"^(email|{CHANNEL_PREFIX}{WEBHOOK_NAME})$")]
Recipient: TypeAlias = Annotated[
    str,
    StringConstraints(
        pattern=f"^(role:(owner|admin|operator|viewer)|user:[0-9a-fA-F-]{{36}}|(contact|rotation):{HANDLE})$"
    ),
    AfterValidator(_check_recipient),
]


Criterion: TypeAlias = Literal["machine", "location", "cause", "rule"]


class WebhookDocument(Document):
    """A receiver of messages, which are signed as Standard Webhooks describes."""

    url: WebhookUrl
    secret: Annotated[SigningSecret | None, NotNull()] = Field(
        default=None,
        description="Signs the messages. Never returned. Without one, the webhook keeps its current secret.",
    )


class StepDocument(Document):
    """Tells recipients, `after` the alert opened, and then every `repeat` until somebody acknowledges it.

    `to` lists roles, users and rotations, who get mail, and contact points, which are reached their own way.
    `unless` acknowledged: the step is left out while the alert is acknowledged.
    """

    after: Annotated[Duration, AfterValidator(_check_wait)] = "PT0S"
    to: Annotated[tuple[Recipient, ...], Field(max_length=MAX_CHANNELS)] = ()
    channels: Annotated[tuple[Channel, ...], Field(max_length=MAX_CHANNELS)] = ()
    unless: Annotated[tuple[Literal["acknowledged", "resolved"], ...], Field(max_length=2)] = ()
    repeat: Annotated[Annotated[Duration, AfterValidator(_check_repeat)] | None, NotNull()] = None

    @model_validator(mode="after")
    def _check_reach(self) -> "StepDocument":
        people = any(not each.startswith("contact:") for each in self.to)
        if not self.to and not self.channels:
            raise invalid([((), "reaches nobody: give to, channels or both")])
        if "email" in self.channels and not people:
            raise invalid([(("to",), "must name whom the mail goes to: a role, a user or a rotation")])
        return self

    @property
    def made(self) -> Step:
        repeat = to_timedelta(self.repeat) if self.repeat else None
        to, channels = tuple(dict.fromkeys(self.to)), tuple(dict.fromkeys(self.channels))
        return Step(to_timedelta(self.after), to, channels, tuple(dict.fromkeys(self.unless)), repeat)


class GroupDocument(Document):
    """Mail and chat messages about alerts that have all of `by` in common within `wait` become one message.

    `cause` is the set of the leading features. Webhooks get every message by itself.
    """

    by: Annotated[tuple[Criterion, ...], Field(min_length=1, max_length=4)]
    wait: Annotated[Duration, AfterValidator(_check_group_wait)] = "PT1M"

    @property
    def made(self) -> Grouping:
        return Grouping(tuple(dict.fromkeys(self.by)), to_timedelta(self.wait))


class ActionsDocument(Document):
    """Who is notified of which changes of an alert."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    version: Version
    on: Annotated[tuple[Notifiable, ...], Field(min_length=1, max_length=10)] = DEFAULT_ON
    steps: Annotated[tuple[StepDocument, ...], Field(max_length=MAX_STEPS)] = ()
    webhooks: Annotated[dict[WebhookName, WebhookDocument], Field(max_length=MAX_WEBHOOKS)] = Field(
        default_factory=dict
    )
    runbook_url: Annotated[
        Annotated[str, StringConstraints(max_length=MAX_URL_LENGTH), AfterValidator(_check_runbook)] | None,
        NotNull(),
    ] = Field(default=None, description="Where it says what to do; shown in every message")
    group: Annotated[GroupDocument | None, NotNull()] = None
    inhibits: Annotated[bool | None, NotNull()] = Field(
        default=None,
        description="Whether less severe alerts of the machine notify nobody while an alert of this rule is"
        " open. By default, if its condition asks for the health state failing",
    )

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
            if channel not in [EMAIL, *known]
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
    def channels(self) -> frozenset[str]:
        """The channels of all steps."""
        return frozenset(channel for step in self.steps for channel in step.channels)

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
        return Actions(
            tuple(dict.fromkeys(self.on)),
            tuple(step.made for step in self.steps),
            webhooks,
            self.runbook_url,
            self.group.made if self.group else None,
            self.inhibits,
        )
