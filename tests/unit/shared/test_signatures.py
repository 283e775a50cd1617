"""Whoever may write to a topic cannot speak for the service that owns it."""

import base64
import os
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.events.auth import AUDIT_RECORDED
from shared.events.base import Event, Topic
from shared.events.deletions import DELETION_REPORTED, DELETION_REQUESTED, DeletionReported, DeletionRequested
from shared.events.machines import MACHINE_CHANGED
from shared.events.registry import TOPICS
from shared.events.signatures import (
    SIGNATURE_HEADER,
    EventSigner,
    EventVerifier,
    SignatureError,
    public_key,
)
from tests.support.signing import KEY, PUBLIC_KEYS, encode_signed
from tests.unit.shared.examples import EXAMPLES

SIGNED = [topic for topic in TOPICS if topic.signed_by is not None]
Headers = dict[str, bytes]


def example(topic: Topic[Any], **changes: Any) -> Event[Any]:
    payload = EXAMPLES[topic.name].model_copy(update=changes)
    return Event(uuid4(), topic, "the-key", UUID(int=7), datetime.now(UTC), payload)


def verify(event: Event[Any], value: bytes, headers: Headers, key: bytes = b"the-key") -> None:
    EventVerifier(PUBLIC_KEYS).verify(event, key, value, list(headers.items()))


def test_whatever_deletes_or_ends_rights_and_the_trail_is_signed() -> None:
    assert {topic.name for topic in SIGNED} >= {
        "organization.changed",
        "membership.changed",
        "audit.recorded",
        "machine.changed",
        "deletion.requested",
        "deletion.reported",
    }


@pytest.mark.parametrize("topic", SIGNED, ids=lambda topic: topic.name)
def test_what_an_owner_signs_is_accepted_and_nothing_else(topic: Topic[Any]) -> None:
    event = example(topic)
    value, headers = encode_signed(event)
    verify(event, value, headers)
    # Trace context is not part of the event.
    verify(event, value, headers | {"traceparent": b"00-1-1-01"})
    for forged in (
        (value + b" ", headers, b"the-key"),
        (value, headers, b"another-key"),
        (value, headers | {"ce_id": str(uuid4()).encode()}, b"the-key"),
        (value, headers | {"ce_organizationid": str(uuid4()).encode()}, b"the-key"),
        (value, headers | {"ce_more": b"1"}, b"the-key"),
        (value, {name: text for name, text in headers.items() if name != SIGNATURE_HEADER}, b"the-key"),
        (value, headers | {SIGNATURE_HEADER: b"none"}, b"the-key"),
        (
            value,
            headers | {SIGNATURE_HEADER: headers[SIGNATURE_HEADER].replace(b"ed25519", b"none")},
            b"the-key",
        ),
    ):
        with pytest.raises(SignatureError):
            verify(event, *forged)


def test_a_signature_holds_for_its_topic_alone() -> None:
    requested = example(DELETION_REQUESTED)
    value, headers = encode_signed(requested, "auth")
    with pytest.raises(SignatureError):
        verify(replace(requested, topic=AUDIT_RECORDED), value, headers)


def test_a_key_of_another_service_is_refused() -> None:
    event = example(MACHINE_CHANGED)
    value, headers = encode_signed(event, "alerting")
    with pytest.raises(SignatureError, match=r"alerting may not publish this on machine\.changed"):
        verify(event, value, headers)
    # Claiming to be the owner does not help.
    claimed = headers[SIGNATURE_HEADER].replace(b"alerting", b"machines")
    own = base64.b64encode(os.urandom(32)).decode()
    keys = f"machines:{public_key(own)},alerting:{public_key(KEY)}"
    with pytest.raises(SignatureError, match="not one of machines"):
        EventVerifier(keys).verify(
            event, b"the-key", value, list((headers | {SIGNATURE_HEADER: claimed}).items())
        )


@pytest.mark.parametrize(
    ("kind", "owner"),
    [("organization", "auth"), ("user", "auth"), ("machine", "machines"), ("analysis", "analysis")],
)
def test_only_who_keeps_a_thing_may_ask_for_its_deletion(kind: str, owner: str) -> None:
    event = example(DELETION_REQUESTED, kind=kind)
    assert isinstance(event.payload, DeletionRequested)
    for service in ("auth", "machines", "analysis", "alerting"):
        value, headers = encode_signed(event, service)
        if service == owner:
            verify(event, value, headers)
        else:
            with pytest.raises(SignatureError):
                verify(event, value, headers)


def test_only_the_service_itself_reports_what_it_deleted() -> None:
    event = example(DELETION_REPORTED, service="alerting")
    assert isinstance(event.payload, DeletionReported)
    verify(event, *encode_signed(event, "alerting"))
    with pytest.raises(SignatureError):
        verify(event, *encode_signed(event, "analysis"))


def test_two_keys_of_a_service_are_accepted_while_it_is_changed() -> None:
    event = example(MACHINE_CHANGED)
    value, headers = encode_signed(event)
    fresh = base64.b64encode(os.urandom(32)).decode()
    both = f"machines:{public_key(fresh)}, machines:{public_key(KEY)}"
    EventVerifier(both).verify(event, b"the-key", value, list(headers.items()))


def test_without_keys_nothing_is_signed_and_nothing_believed() -> None:
    event = example(MACHINE_CHANGED)
    value, headers = encode_signed(event)
    with pytest.raises(SignatureError):
        EventVerifier("").verify(event, b"the-key", value, list(headers.items()))
    with pytest.raises(SignatureError, match="DINSIGHT_EVENT_SIGNING_KEY"):
        EventSigner("machines", "").sign("machine.changed", b"k", value, [])


@pytest.mark.parametrize("keys", ["machines", "machines:", "machines:AAAA", "machines:?"])
def test_malformed_keys_are_refused_without_being_told(keys: str) -> None:
    with pytest.raises(SignatureError, match="must hold base64 of 32 bytes") as told:
        EventVerifier(keys)
    assert "AAAA" not in str(told.value)
