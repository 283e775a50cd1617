"""What a rule does when its alert changes: the `actions` document, and its reading. Pure but for secrets.

Secrets are sealed while the document is read, so that a plain one exists only in the request.
"""

import base64
import binascii
import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from services.alerting.errors import InvalidRule
from services.alerting.rules.documents import Problems, child, listed

ROOT = "/body/actions"
CHANNEL_PREFIX = "webhook:"
NOTIFIABLE = ("raised", "severity_changed", "acknowledged", "reopened", "resolved")
DEFAULT_ON = ("raised", "severity_changed", "reopened", "resolved")
WEBHOOK_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,49}")
LONGEST_URL = 2000
LONGEST_SECRET = 200
MOST_WEBHOOKS = 10
MOST_STEPS = 10
MOST_CHANNELS = 20
SECRET_PREFIX = "whsec_"  # noqa: S105 - the prefix that Standard Webhooks gives to secrets
# The sizes that Standard Webhooks asks for.
SHORTEST_KEY_BYTES, LONGEST_KEY_BYTES = 24, 64

KNOWN_KEYS = ("version", "on", "steps", "webhooks")
LATER_KEYS = ("runbook_url",)
LATER_STEP_KEYS = ("to", "unless", "repeat")

Seal = Callable[[str, str], str]
"""Gives the encrypted form of (webhook name, secret)."""


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
    webhooks: Mapping[str, Webhook] | None = None

    def webhook(self, channel: str) -> Webhook | None:
        return (self.webhooks or {}).get(channel.removeprefix(CHANNEL_PREFIX))

    def notified(self, change: str) -> tuple[str, ...]:
        """The channels that hear of `change`."""
        return self.channels if change in self.on else ()

    def stored(self) -> dict[str, Any]:
        """The document as it lies in the database, secrets sealed."""
        return self._document(
            {
                name: {"url": webhook.url, "secret": webhook.sealed_secret}
                for name, webhook in (self.webhooks or {}).items()
            }
        )

    def public(self) -> dict[str, Any]:
        """The document as a client may see it: no secrets, in no form."""
        return self._document({name: {"url": webhook.url} for name, webhook in (self.webhooks or {}).items()})

    def _document(self, webhooks: Mapping[str, Any]) -> dict[str, Any]:
        steps = [{"after": "PT0S", "channels": list(self.channels)}] if self.channels else []
        return {"version": 1, "on": list(self.on), "steps": steps, "webhooks": dict(webhooks)}

    @classmethod
    def load(cls, stored: Mapping[str, Any]) -> "Actions":
        """From the database."""
        webhooks = {name: Webhook(w["url"], w["secret"]) for name, w in stored["webhooks"].items()}
        channels = [channel for step in stored["steps"] for channel in step["channels"]]
        return cls(tuple(stored["on"]), tuple(channels), webhooks)


def read_actions(document: Any, seal: Seal, *, before: Actions | None = None) -> Actions:
    """Give the actions that `document` describes, secrets sealed. Raises InvalidRule with every problem.

    A webhook that the rule had `before` keeps its secret when the document gives none.
    """
    reader = _Reader(Problems(ROOT), seal, before or Actions())
    actions = reader.actions(document)
    if reader.problems.found:
        raise InvalidRule(reader.problems.found)
    return actions


class _Reader:
    def __init__(self, problems: Problems, seal: Seal, before: Actions) -> None:
        self.problems = problems
        self._seal = seal
        self._before = before

    def actions(self, document: Any) -> Actions:
        at = self.problems.root
        node = self.problems.object(at, document)
        if node is None:
            return Actions()
        self.problems.version(at, node)
        self.problems.keys(at, node, known=KNOWN_KEYS, later=LATER_KEYS)
        on = self._on(child(at, "on"), node["on"]) if "on" in node else DEFAULT_ON
        webhooks = self._webhooks(child(at, "webhooks"), node.get("webhooks", {}))
        names = node["webhooks"].keys() if isinstance(node.get("webhooks"), dict) else ()
        channels = self._steps(child(at, "steps"), node.get("steps", []), set(names))
        for name in names:
            if CHANNEL_PREFIX + name not in channels:
                self.problems.note(
                    child(child(at, "webhooks"), name),
                    f"is in no step, so nothing would reach it: put {CHANNEL_PREFIX}{name} in channels",
                )
        return Actions(on, channels, webhooks)

    def _on(self, at: str, value: Any) -> tuple[str, ...]:
        items = self.problems.items(at, value, most=len(NOTIFIABLE))
        return tuple(
            dict.fromkeys(
                change
                for place, item in enumerate(items)
                if (change := self.problems.one_of(child(at, place), item, NOTIFIABLE))
            )
        )

    def _webhooks(self, at: str, value: Any) -> dict[str, Webhook]:
        node = self.problems.object(at, value)
        if node is None:
            return {}
        if len(node) > MOST_WEBHOOKS:
            self.problems.note(at, f"has more than {MOST_WEBHOOKS} webhooks")
            return {}
        read = {name: self._webhook(child(at, name), name, item) for name, item in node.items()}
        return {name: webhook for name, webhook in read.items() if webhook is not None}

    def _webhook(self, at: str, name: str, value: Any) -> Webhook | None:
        if not WEBHOOK_NAME.fullmatch(name):
            self.problems.note(at, "its name must be of lower-case letters, digits, - and _, at most 50")
            return None
        node = self.problems.object(at, value)
        if node is None:
            return None
        self.problems.keys(at, node, known=("url", "secret"), required=("url",))
        url = self._url(child(at, "url"), node["url"]) if "url" in node else None
        sealed = self._secret(at, name, node)
        return None if url is None or sealed is None else Webhook(url, sealed)

    def _url(self, at: str, value: Any) -> str | None:
        url = self.problems.text(at, value, longest=LONGEST_URL)
        if url is None:
            return None
        try:
            parts = urlsplit(url)
            host = parts.hostname or ""
            if host.replace(".", "").isdigit():
                # Numbers that are no plain IPv4 address mean different hosts to different libraries.
                ipaddress.IPv4Address(host)
            usable = parts.scheme in ("http", "https") and bool(host) and parts.port != 0
        except ValueError:
            usable = False
        if not usable or not url.isascii() or any(character.isspace() for character in url):
            self.problems.note(at, "must be an http or https URL, such as https://example.org/hook")
            return None
        if parts.username is not None or parts.fragment:
            self.problems.note(at, "must have no user, password or fragment: messages are signed instead")
            return None
        return url

    def _secret(self, at: str, name: str, node: Mapping[str, Any]) -> str | None:
        if "secret" not in node:
            known = (self._before.webhooks or {}).get(name)
            if known is None:
                self.problems.note(at, "needs secret, with which its messages are signed")
            return None if known is None else known.sealed_secret
        secret = node["secret"]
        if isinstance(secret, str) and len(secret) <= LONGEST_SECRET and _is_key(secret):
            return self._seal(name, secret)
        self.problems.note(
            child(at, "secret"),
            f"must be base64 of {SHORTEST_KEY_BYTES} to {LONGEST_KEY_BYTES} random bytes, with or without"
            f" {SECRET_PREFIX} before it: openssl rand -base64 32 makes one",
        )
        return None

    def _steps(self, at: str, value: Any, webhooks: set[str]) -> tuple[str, ...]:
        channels: dict[str, None] = {}
        for place, item in enumerate(self.problems.items(at, value, most=MOST_STEPS, least=0)):
            here = child(at, place)
            node = self.problems.object(here, item)
            if node is None:
                continue
            self.problems.keys(
                here, node, known=("after", "channels"), required=("channels",), later=LATER_STEP_KEYS
            )
            self._after(child(here, "after"), node.get("after", "PT0S"))
            if "channels" in node:
                channels |= self._channels(child(here, "channels"), node["channels"], webhooks)
        return tuple(channels)

    def _after(self, at: str, value: Any) -> None:
        after = self.problems.duration(at, value)
        if after is not None and after != timedelta(0):
            self.problems.note(at, "steps that wait are not done yet: use PT0S")

    def _channels(self, at: str, value: Any, webhooks: set[str]) -> dict[str, None]:
        known = [CHANNEL_PREFIX + name for name in sorted(webhooks)]
        found: dict[str, None] = {}
        for place, item in enumerate(self.problems.items(at, value, most=MOST_CHANNELS)):
            here = child(at, place)
            if item == "email":
                self.problems.note(here, "email is not sent yet, so it is not accepted: use a webhook")
            elif item in known:
                found[item] = None
            else:
                self.problems.note(
                    here,
                    f"must be one of {listed(known)}"
                    if known
                    else f"must be {CHANNEL_PREFIX}NAME, with NAME described under webhooks",
                )
        return found


def _is_key(secret: str) -> bool:
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return False
    return SHORTEST_KEY_BYTES <= len(key) <= LONGEST_KEY_BYTES
