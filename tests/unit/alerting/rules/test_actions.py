"""The actions of a rule: webhooks with sealed secrets, and what is refused where."""

from typing import Any

import pytest

from services.alerting.errors import InvalidRule
from services.alerting.rules.actions import Actions, read_actions
from tests.unit.alerting.examples import SECRET, actions


def seal(webhook: str, secret: str) -> str:
    return f"sealed {webhook} {len(secret)}"


def webhook(**fields: Any) -> dict[str, Any]:
    hook = {"url": "https://example.org/hook", "secret": SECRET} | fields
    return actions() | {"webhooks": {"cmms": {k: v for k, v in hook.items() if v is not None}}}


def refused(document: Any) -> dict[str, str]:
    with pytest.raises(InvalidRule) as caught:
        read_actions(document, seal)
    return {error.pointer.removeprefix("/body/actions"): error.detail for error in caught.value.errors}


def test_secrets_are_sealed_and_never_shown() -> None:
    read = read_actions(actions(url="https://example.org/hook?key=k"), seal)
    assert read.webhook("webhook:cmms") == Actions.load(read.stored()).webhook("webhook:cmms")
    assert SECRET not in str(read.stored())
    assert "sealed" not in str(read.public())
    found = read.webhook("webhook:cmms")
    assert found is not None
    assert found.target == "https://example.org/hook"
    assert Actions.load(read.stored()) == read


def test_what_was_shown_can_be_sent_back_and_keeps_its_secret() -> None:
    before = read_actions(actions(), seal)
    assert read_actions(before.public(), seal, before=before) == before
    assert refused(before.public())["/webhooks/cmms"].startswith("needs secret")


def test_channels_hear_of_the_changes_that_are_asked_for() -> None:
    read = read_actions(actions(on=["raised", "resolved"]), seal)
    assert read.notified("raised") == ("webhook:cmms",)
    assert read.notified("severity_changed") == ()
    assert read_actions(actions(), seal).notified("updated") == ()
    assert read_actions({"version": 1}, seal).notified("raised") == ()


@pytest.mark.parametrize(
    ("document", "pointer", "hint"),
    [
        ("hello", "", "object"),
        ({}, "", "version must be 1"),
        (actions(colour=1), "/colour", "not known"),
        (actions(runbook_url="https://example.org"), "/runbook_url", "not evaluated yet"),
        (actions(on=[]), "/on", "1 to 5"),
        (actions(on=["updated"]), "/on/0", "one of raised"),
        (actions(steps=[{"channels": ["email"]}]), "/steps/0/channels/0", "not sent yet"),
        (actions(steps=[{"channels": ["webhook:other"]}]), "/steps/0/channels/0", "one of webhook:cmms"),
        (actions(steps=[{"channels": ["webhook:other"]}]), "/webhooks/cmms", "in no step"),
        (actions(steps=[{"after": "PT15M", "channels": ["webhook:cmms"]}]), "/steps/0/after", "use PT0S"),
        (
            actions(steps=[{"channels": ["webhook:cmms"], "to": ["role:admin"]}]),
            "/steps/0/to",
            "not evaluated",
        ),
        (actions(steps=[{"channels": ["webhook:cmms"], "repeat": "PT4H"}]), "/steps/0/repeat", "not eval"),
        (actions(steps=[{}]), "/steps/0", "needs channels"),
        (actions(webhooks=[]), "/webhooks", "object"),
        (webhook(url="http://user:pw@example.org/"), "/webhooks/cmms/url", "no user"),
        (webhook(url="https://"), "/webhooks/cmms/url", "http or https"),
        (webhook(url="https://example.org:99999/"), "/webhooks/cmms/url", "http or https"),
        (webhook(url="http://2130706433/"), "/webhooks/cmms/url", "http or https"),
        (webhook(url="http://127.1/"), "/webhooks/cmms/url", "http or https"),
        (webhook(url="https://example.org/a b"), "/webhooks/cmms/url", "http or https"),
        (webhook(url="file:///etc/passwd"), "/webhooks/cmms/url", "http or https"),
        (webhook(url=None), "/webhooks/cmms", "needs url"),
        (webhook(secret=None), "/webhooks/cmms", "needs secret"),
        (webhook(secret="c2hvcnQ="), "/webhooks/cmms/secret", "24 to 64"),
        (webhook(secret="no base64!" * 4), "/webhooks/cmms/secret", "openssl rand"),
        (webhook(secret=7), "/webhooks/cmms/secret", "base64"),
        (webhook(retries=3), "/webhooks/cmms/retries", "not known"),
    ],
)
def test_what_cannot_be_done_is_refused_where_it_stands(document: Any, pointer: str, hint: str) -> None:
    errors = refused(document)
    assert pointer in errors, errors
    assert hint in errors[pointer]


def test_a_refusal_never_repeats_the_secret() -> None:
    assert SECRET not in str(refused(webhook(secret=SECRET + "!")))
