"""What people read: escaped, short subjects, several alerts in one, and the link."""

from typing import Any

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


def test_what_people_wrote_is_shown_as_they_wrote_it_and_does_nothing() -> None:
    attack = '<img src=x onerror="alert(1)">'
    content = Composer().compose(
        message(rule_name=attack, note=attack, runbook_url="https://w/?a=1&b=2"), [], None
    )
    assert attack not in content.html
    assert "&lt;img" in content.html
    assert attack in content.text
    assert 'href="https://w/?a=1&amp;b=2"' in content.html


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
    assert content.subject == "[HIGH] 2 alerts: Pump 7, Pump 8"
    assert "Pump 8" in content.text


def test_a_message_that_was_given_up_says_whose_and_why() -> None:
    content = Composer().compose(message("given_up", target="https://example.org", error="503"), [], None)
    assert "https://example.org" in content.html
    assert "503" in content.text
    assert content.subject.endswith("(A message was not delivered)")
