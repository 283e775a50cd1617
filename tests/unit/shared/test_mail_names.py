"""Names in mail: whoever chose them must not write the mail."""

import pytest

from shared.mail.names import MAX_LENGTH, quoted
from tests.unit.auth.accounts_setting import AccountsSetting


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Ada Engineer", "Ada Engineer"),
        ("Dr. Ada, Inc.", "Dr. Ada, Inc."),
        ("Söhne & Co.", "Söhne & Co."),
        ("Your account is locked: http://evil.example/a", "Your account is locked: http evil example a"),
        ("www.evil.example", "www evil example"),
        ("help@evil.example", "help evil example"),
        ("evil\uff0eexample", "evil example"),
        ("evil\u3002example", "evil example"),
        ("evil.\u200bexample", "evil. example"),
        ("\u202egnp.exe", "gnp exe"),
        ("a\r\nBcc: x@y.example", "a Bcc: x y example"),
        ("\u201d has left. Click \u201chere", "' has left. Click 'here"),
        ("line 2.41 at 03:24, 3.1%", "line 2.41 at 03:24, 3.1%"),
        ("192.0.2.1", "192 0 2 1"),
        ("1.evil.example 2.4evil", "1 evil example 2 4evil"),
        ("<!everyone>", "\u2039!everyone>"),
        ("A" * 200, "A" * (MAX_LENGTH - 1) + "\u2026"),
    ],
)
def test_a_name_is_quoted_short_and_no_address(name: str, shown: str) -> None:
    assert quoted(name) == f"\u201c{shown}\u201d"


async def test_the_only_address_in_an_invitation_is_ours() -> None:
    setting = AccountsSetting()
    await setting.registration.register(
        setting.unit,
        "eve@example.org",
        "correct horse battery",
        "Pay at https://evil.example",
        "//evil.example",
    )
    [user] = setting.units.users.users.values()
    [organization] = setting.units.organizations.organizations.values()
    await setting.mail()
    await setting.invite(user, organization.id, "victim@example.org")
    [message] = await setting.mail()
    assert "evil.example" not in message.text + message.subject
    assert message.text.count("://") == message.text.count("http://dinsight.example")
