"""What the audit trail stores."""

import pytest

from services.auth.trail.service import normalized_address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:DB8::1", "2001:db8::1"),
        ("testclient", None),
        ("1.2.3.4, 5.6.7.8", None),
        ("", None),
        (None, None),
    ],
)
def test_client_addresses_are_normalized_and_invalid_ones_dropped(
    text: str | None, address: str | None
) -> None:
    assert normalized_address(text) == address
