"""Which representation a client gets, by RFC 9110."""

import pytest

from shared.http.negotiation import CSV, JSON, preferred


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("", JSON),
        ("*/*", JSON),
        ("text/csv", CSV),
        ("TEXT/CSV; Charset=UTF-8", CSV),
        ("text/csv;header=present;q=0.9, application/json;q=0.8", CSV),
        ("text/csv;q=0.8, application/json;q=0.9", JSON),
        ("text/csv, application/json", JSON),
        ("text/csv, */*", JSON),
        ("text/csv, */*;q=0.1", CSV),
        ("text/*", CSV),
        ("text/*;q=0.5, application/json;q=0.4", CSV),
        # The more specific range counts, whatever its place and quality.
        ("*/*, application/json;q=0.1", CSV),
        ("text/csv;q=0, text/*", JSON),
        ("text/csv;q=0", JSON),
        ("application/json;q=0, */*;q=0.1", CSV),
        # What a browser sends.
        ("text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8", JSON),
        # Nothing of what there is: the default, as on every other route.
        ("image/png", JSON),
        ("text/csv;q=much", JSON),
        ("text/csv;q=7", JSON),
        (',,;q=1,"', JSON),
        ('text/plain;x="a,text/csv"', JSON),
    ],
)
def test_the_preferred_type_is_chosen(accept: str, chosen: str) -> None:
    assert preferred(accept, (JSON, CSV)) == chosen
