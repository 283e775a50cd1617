"""Which passwords are valid, and how they are hashed."""

import pytest
from pydantic import ValidationError

from services.auth.passwords.hashing import PasswordHasher
from services.auth.users.schemas import PasswordChange

HASHER = PasswordHasher("a pepper of the tests", 4)


def accepted(password: str) -> bool:
    try:
        PasswordChange.model_validate({"current_password": "x", "new_password": password})
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize(
    "password",
    [
        "a" * 12,
        "word " * 12 + "word",
        "x" * 128,
        "пароль из слов",
        "🔑🔑🔑🔑🔑🔑🔑🔑🔑🔑🔑🔑",
        "             ",
        "111111111111",
    ],
    ids=ascii,
)
def test_only_the_length_is_checked(password: str) -> None:
    """Any characters are allowed; common passwords are refused elsewhere."""
    assert accepted(password)


@pytest.mark.parametrize("password", ["", "a" * 11, "x" * 129, "half a pair \ud83d"], ids=ascii)
def test_passwords_that_are_too_short_too_long_or_malformed_are_refused(password: str) -> None:
    assert not accepted(password)


def test_every_character_changes_the_hash() -> None:
    """bcrypt alone would ignore everything after the 72nd byte."""
    base = "x" * 127
    assert HASHER.prehash(base + "a") != HASHER.prehash(base + "b")
    assert HASHER.prehash(base) != HASHER.prehash(base + " ")
    assert len(HASHER.prehash(base)) <= 72
    assert "\0" not in HASHER.prehash("\0" * 12)


def test_composed_and_decomposed_characters_are_the_same() -> None:
    assert HASHER.prehash("caf\u00e9 caf\u00e9 caf\u00e9") == HASHER.prehash("cafe\u0301 " * 2 + "cafe\u0301")


def test_the_pepper_changes_the_hash() -> None:
    assert HASHER.prehash("x" * 12) != PasswordHasher("another pepper", 4).prehash("x" * 12)


def test_the_prehash_depends_on_pepper_and_password_and_fits_bcrypt() -> None:
    hasher = PasswordHasher("pepper", cost=4)
    prehash = hasher.prehash("correct horse battery")
    assert prehash == hasher.prehash("correct horse battery")
    assert prehash != hasher.prehash("correct horse batter")
    assert prehash != PasswordHasher("other pepper", cost=4).prehash("correct horse battery")
    assert len(hasher.prehash("ä" * 128)) == 44
    # Keyboards produce composed or decomposed characters.
    assert hasher.prehash("pa\u0308sswort-lang") == hasher.prehash("p\u00e4sswort-lang")
