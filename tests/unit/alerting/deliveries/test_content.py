"""What people read: escaped, short subjects, several alerts in one, and the link."""

import re
from typing import Any

import pytest

from services.alerting.deliveries.content import MAX_SUBJECT, Composer


def message(change: str = "raised", **data: Any) -> dict[str, Any]:
    values = {
        "change": change,
        "severity": "high",
        "machine_name": "Pump 7",
        "rule_name": "Leaves normal",
        "summary": "Pump 7: high anomaly",
        "features": [{"name": "f_1", "share": 0.25}, {"name": "f_2", "share": 0.7}],
    }
    return {"type": f"alert.{change}", "timestamp": "2026-01-01T00:00:00+00:00", "data": values | data}


def test_what_people_wrote_is_no_html() -> None:
    attack = '<img src=x onerror="alert(1)">&amp;'
    content = Composer().compose(
        message(rule_name=attack, note=attack, runbook_url="https://w/?a=1&b=2"), [], None
    )
    assert "<img" not in content.html + content.text + content.short
    assert "&amp;amp;" in content.html
    assert 'href="https://w/?a=1&amp;b=2"' in content.html


@pytest.mark.parametrize(
    "field", ["machine_name", "rule_name", "organization_name", "summary", "note", "feature", "error"]
)
@pytest.mark.parametrize(
    "attack",
    [
        "Your password has expired: https://evil.example/login",
        "Sign in at evil.example",
        "mail help@evil.example",
        "<https://evil.example|Acknowledge>",
        "[Acknowledge](https://evil.example)",
        "<!channel> \u202eelpmaxe.live\u202c",
        "a\r\n\r\nAcknowledge, without signing in:\r\nhttps://evil.example",
        "\u201d. You can sign in at \u201cevil.example",
        "A" * 5_000,
    ],
)
def test_whoever_names_something_does_not_write_the_message(field: str, attack: str) -> None:
    data: dict[str, Any] = {field: attack}
    if field == "feature":
        data = {"features": [{"name": attack, "share": 1.0}]}
    if field == "machine_name":
        data["summary"] = f"{attack}: high anomaly"
    url, link = "https://dinsight.example/o/1/alerts/2", "https://dinsight.example/api/v1/a#token=t"
    content = Composer().compose(message(url=url, **data), [message(**data)], link)
    for written in (content.subject, content.text, content.html, content.short):
        assert "evil.example" not in written
        assert "<!channel" not in written
        assert "\u202e" not in written
        assert "A" * 501 not in written
    links = re.findall(r"\S+://\S+", content.text + content.short)
    assert set(links) == {url, link}
    assert "\r" not in content.text
    assert "\n" not in content.subject
    assert content.text.count("\nAcknowledge, without") == 1


def test_names_are_quoted_and_numbers_stay() -> None:
    summary = "Pump 7: high anomaly at 2.41 times the threshold; most deviating: rms (+3.1 sd)"
    content = Composer().compose(message(summary=summary, organization_name="Water Works"), [], None)
    assert content.subject == "[HIGH] \u201cPump 7\u201d: \u201cLeaves normal\u201d (New alert)"
    quoted = summary.replace("Pump 7", "\u201cPump 7\u201d")
    assert quoted in content.text
    assert quoted in content.short
    assert "\u201cWater Works\u201d: you get this message" in content.text


def test_a_name_cannot_add_a_header_and_a_subject_stays_short() -> None:
    content = Composer().compose(message(rule_name="a\r\nBcc: eve@example.org " + "x" * 400), [], None)
    assert "\n" not in content.subject
    assert "\r" not in content.subject
    assert len(content.subject) <= MAX_SUBJECT


def test_the_leading_features_come_first_and_the_link_once() -> None:
    content = Composer().compose(
        message(), [message(machine_name="Pump 8", summary="Pump 8: low")], "https://d/ack#token=t"
    )
    assert content.html.index("f_2") < content.html.index("f_1")
    assert content.html.count("#token=t") == content.text.count("#token=t") == 1
    assert content.subject == "[HIGH] 2 alerts: \u201cPump 7\u201d, \u201cPump 8\u201d"
    assert "Pump 8" in content.text


def test_a_message_that_was_given_up_says_whose_and_why() -> None:
    content = Composer().compose(message("given_up", target="https://example.org", error="503"), [], None)
    assert "https://example.org" in content.html
    assert "503" in content.text
    assert content.subject.endswith("(A message was not delivered)")
