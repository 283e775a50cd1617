"""Rules without collaborators."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.auth.domain import (
    FREE_FAILURES,
    LONGEST_SLUG,
    LONGEST_WAIT,
    LOST_ANSWER_GRACE,
    TokenState,
    slug_of,
    wait_after,
)
from services.auth.service.passwords import PasswordHasher
from services.auth.service.trail import address_or_none
from tests.unit.auth.repository_suite import NOW, a_token, a_user

SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Example Plant", "example-plant"),
        ("  Grünwald Pumpen & Söhne ", "grunwald-pumpen-sohne"),
        ("--A__b--", "a-b"),
        ("株式会社", "organization"),
        ("x" * 300, "x" * LONGEST_SLUG),
    ],
)
def test_slugs(name: str, slug: str) -> None:
    assert slug_of(name) == slug


@given(st.text())
def test_any_name_has_a_slug_that_an_address_can_hold(name: str) -> None:
    slug = slug_of(name)
    assert slug.isascii()
    assert all(part.isalnum() and part == part.lower() for part in slug.split("-"))


def test_waiting_begins_after_some_failures_doubles_and_ends_growing() -> None:
    waits = [wait_after(failures).total_seconds() for failures in range(FREE_FAILURES - 1, FREE_FAILURES + 4)]
    assert waits == [0, 1, 2, 4, 8]
    assert wait_after(50) == wait_after(10**6) == LONGEST_WAIT


def test_a_refresh_token_is_live_until_rotated_revoked_or_expired() -> None:
    token = a_token(a_user())
    assert token.state(NOW) is TokenState.LIVE
    assert token.state(token.expires_at - SECOND) is TokenState.LIVE
    assert token.state(token.expires_at) is TokenState.ENDED
    rotated = replace(token, rotated_at=NOW)
    assert rotated.state(NOW + LOST_ANSWER_GRACE) is TokenState.ANSWER_LOST
    assert rotated.state(NOW + LOST_ANSWER_GRACE + SECOND) is TokenState.REUSED
    assert replace(rotated, revoked_at=NOW).state(NOW) is TokenState.ENDED


def test_the_prehash_depends_on_pepper_and_password_and_fits_bcrypt() -> None:
    hasher = PasswordHasher("pepper", cost=4)
    prehash = hasher.prehash("correct horse battery")
    assert prehash == hasher.prehash("correct horse battery")
    assert prehash != hasher.prehash("correct horse batter")
    assert prehash != PasswordHasher("other pepper", cost=4).prehash("correct horse battery")
    assert len(hasher.prehash("ä" * 128)) == 44
    # Composed and decomposed characters are the same key on a keyboard.
    assert hasher.prehash("pa\u0308sswort-lang") == hasher.prehash("p\u00e4sswort-lang")


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
def test_addresses_are_taken_for_what_they_are(text: str | None, address: str | None) -> None:
    assert address_or_none(text) == address
