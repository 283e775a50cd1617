"""Actions: sealed secrets, and validation with pointers."""

from typing import Any

import pytest

from services.alerting.errors import InvalidRule
from services.alerting.rules.actions import ActionsDocument
from services.alerting.rules.domain import Actions, Webhook
from tests.unit.alerting import examples
from tests.unit.alerting.examples import SECRET, actions


def seal(webhook: str, secret: str) -> str:
    return f"sealed {webhook} {len(secret)}"


def address(_name: str, webhook: Webhook) -> str:
    return webhook.url


def webhook(**fields: Any) -> dict[str, Any]:
    hook = {"url": "https://example.org/hook", "secret": SECRET} | fields
    return actions() | {"webhooks": {"cmms": {k: v for k, v in hook.items() if v is not None}}}


def read(document: Any, before: Actions | None = None) -> Actions:
    return ActionsDocument.model_validate(document).sealed(seal, before)


def refused(document: Any) -> dict[str, str]:
    return examples.refused(ActionsDocument, document)


def test_secrets_are_sealed_and_never_returned() -> None:
    sealed = read(actions(url="https://example.org/hook?key=k"))
    assert sealed.webhook("webhook:cmms") == Actions.load(sealed.stored()).webhook("webhook:cmms")
    assert SECRET not in str(sealed.stored())
    assert "sealed" not in str(sealed.public(address))
    found = sealed.webhook("webhook:cmms")
    assert found is not None
    assert found.host == "https://example.org"
    assert Actions.load(sealed.stored()) == sealed


def test_returned_actions_can_be_sent_back_and_keep_their_secrets() -> None:
    before = read(actions())
    assert read(before.public(address), before) == before
    with pytest.raises(InvalidRule) as caught:
        read(before.public(address))
    [error] = caught.value.errors
    assert (error.pointer, error.detail[:14]) == ("/body/actions/webhooks/cmms", "needs a secret")


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://example.org/hook?key=k", "https://example.org"),
        ("http://10.0.0.1:8080/a/b", "http://10.0.0.1:8080"),
        ("https://example.org?key=k", "https://example.org"),
        ("http://[2001:db8::1]:80/hook", "http://[2001:db8::1]:80"),
    ],
)
def test_addresses_can_be_reduced_to_their_host(url: str, host: str) -> None:
    reduced = read(actions(url=url)).public()
    assert reduced["webhooks"] == {"cmms": {"url": host}}


def test_steps_grouping_and_the_runbook_are_stored_and_returned() -> None:
    user = "0b7e3a52-5d0c-4c46-9f3d-3b6d3f6f7a11"
    document = actions(
        on=["raised", "resolved"],
        steps=[
            {
                "after": "PT0S",
                "to": ["role:operator"],
                "channels": ["email", "webhook:cmms"],
                "repeat": "PT4H",
            },
            {"after": "PT15M", "to": ["rotation:on-call", f"user:{user}"], "unless": ["acknowledged"]},
            {"after": "PT20M", "to": ["role:admin"], "repeat": "PT4H"},
            {"after": "P1DT1H30M", "to": ["contact:plant"]},
        ],
        runbook_url="https://wiki.example.org/pump",
        group={"by": ["location", "cause"], "wait": "PT2M"},
        inhibits=True,
    )
    made = read(document)
    assert Actions.load(made.stored()) == made
    assert {**made.public(address), "webhooks": document["webhooks"]} == document


def test_a_rule_without_steps_notifies_nobody() -> None:
    assert read({"version": 1}).steps == ()


@pytest.mark.parametrize(
    ("document", "pointer", "hint"),
    [
        ("hello", "", "dictionary"),
        ({}, "/version", "required"),
        (actions(colour=1), "/colour", "not permitted"),
        (actions(runbook_url="javascript:alert(1)"), "/runbook_url", "http or https"),
        (actions(runbook_url="https://w/\n\nSign in: https://evil"), "/runbook_url", "http or https"),
        (actions(runbook_url="https://w/ or https://evil"), "/runbook_url", "http or https"),
        (actions(runbook_url="https://dinsight.example@evil/"), "/runbook_url", "http or https"),
        (actions(runbook_url="https://[w/"), "/runbook_url", "http or https"),
        (actions(runbook_url="https://w/\u202egnp"), "/runbook_url", "http or https"),
        (actions(group={"by": []}), "/group/by", "at least 1 item"),
        (actions(group={"by": ["colour"]}), "/group/by/0", "should be 'machine'"),
        (actions(group={"by": ["machine"], "wait": "PT2H"}), "/group/wait", "at most PT1H"),
        (actions(on=[]), "/on", "at least 1 item"),
        (actions(on=["forgotten"]), "/on/0", "should be 'raised'"),
        (actions(steps=[{"channels": ["email"]}]), "/steps/0", "whom the mail goes to"),
        (
            actions(steps=[{"to": ["contact:a"], "channels": ["email"]}]),
            "/steps/0/to",
            "whom the mail goes to",
        ),
        (actions(steps=[{"channels": ["fax"]}]), "/steps/0/channels/0", "pattern"),
        (actions(steps=[{"to": ["role:king"]}]), "/steps/0/to/0", "pattern"),
        (actions(steps=[{"to": ["user:" + "-" * 36]}]), "/steps/0/to/0", "id of a member"),
        (actions(steps=[{"channels": ["webhook:other"]}]), "/steps/0/channels/0", "one of webhook:cmms"),
        (actions(steps=[{"channels": ["webhook:other"]}]), "/webhooks/cmms", "not used by any step"),
        (actions(steps=[{"after": "P31D", "channels": ["webhook:cmms"]}]), "/steps/0/after", "at most P30D"),
        (actions(steps=[{"channels": ["webhook:cmms"], "repeat": "PT1S"}]), "/steps/0/repeat", "PT5M"),
        (actions(steps=[{"channels": ["webhook:cmms"], "unless": ["bored"]}]), "/steps/0/unless/0", "ackn"),
        (actions(steps=[{}]), "/steps/0", "reaches nobody"),
        (actions(webhooks=[]), "/webhooks", "dictionary"),
        (webhook(url="http://user:pw@example.org/"), "/webhooks/cmms/url", "must not contain a user"),
        (webhook(url="https://"), "/webhooks/cmms/url", "http or https"),
        (webhook(url="https://example.org:99999/"), "/webhooks/cmms/url", "http or https"),
        (webhook(url="http://2130706433/"), "/webhooks/cmms/url", "http or https"),
        (webhook(url="http://127.1/"), "/webhooks/cmms/url", "http or https"),
        (webhook(url="https://example.org/a b"), "/webhooks/cmms/url", "http or https"),
        (webhook(url="file:///etc/passwd"), "/webhooks/cmms/url", "http or https"),
        (webhook(url=None), "/webhooks/cmms/url", "required"),
        (webhook(secret="c2hvcnQ="), "/webhooks/cmms/secret", "24 to 64"),
        (webhook(secret="no base64!" * 4), "/webhooks/cmms/secret", "openssl rand"),
        (webhook(secret=7), "/webhooks/cmms/secret", "string"),
        (webhook(retries=3), "/webhooks/cmms/retries", "not permitted"),
        (actions(webhooks={"A B": {"url": "https://example.org"}}), "/webhooks/A B", "pattern"),
    ],
)
def test_invalid_actions_are_refused_with_a_pointer(document: Any, pointer: str, hint: str) -> None:
    errors = refused(document)
    assert pointer in errors, errors
    assert hint in errors[pointer]


def test_errors_never_contain_the_secret() -> None:
    assert SECRET not in str(refused(webhook(secret=SECRET + "!")))
