"""Which passwords are accepted and refused."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.auth.errors import WeakPassword
from services.auth.passwords.rules import COMMON, PasswordRules

EMAIL = "ada.engineer@example.org"
NAMES = ["Ada Lovelace", "Example Plant"]
RULES = PasswordRules.shipped()


@pytest.mark.parametrize(
    "password",
    [
        "1q2w3e4r5t6y",
        "FinalFantasy",
        "Password2026!",
        "!!sunshine1234",
        "constantinople",
        "aaaaaaaaaaaa",
        "abcabcabcabca",
        "12121122112212",
        "correctcorrect",
        "123456789012",
        "abcdefghijkl",
        "qwertyuiopasdf",
        "lkjhgfdsapoiuy",
        "AdaEngineer2026",
        "ada.engineer@example.org",
        "examplePlant-123",
        "Example Plant Example Plant",
        "adalovelace1815",
        "DInsight-2026!",
        "dinsight12345678",
        "\uff50\uff41\uff53\uff53\uff57\uff4f\uff52\uff44-1234",
    ],
)
def test_passwords_that_attackers_try_first_are_refused(password: str) -> None:
    with pytest.raises(WeakPassword) as refused:
        RULES.check(password, EMAIL, NAMES)
    assert password not in refused.value.detail
    [error] = refused.value.errors
    assert error.pointer == "/body/password"


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery",
        "a different battery",
        "Tr0ub4dor&3xyz",
        "plant rotor bearing grease",
        "dinsight rotor bearing",
        "Дизель шумит утром",
        "冷却水の温度が上がる音がする",
        "9fX!7qLm2$Rz",
    ],
)
def test_passwords_that_are_hard_to_guess_are_accepted(password: str) -> None:
    RULES.check(password, EMAIL, NAMES)


def test_short_or_missing_names_refuse_no_password() -> None:
    RULES.check("correct horse battery", "co@example.org", ["", "Bat", "h"])


def test_the_error_points_to_the_field() -> None:
    with pytest.raises(WeakPassword) as refused:
        RULES.check("aaaaaaaaaaaa", EMAIL, pointer="/body/new_password")
    assert refused.value.errors[0].pointer == "/body/new_password"


@given(st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S"]), min_size=16, max_size=128))
def test_the_case_of_letters_does_not_matter(password: str) -> None:
    assert _refused(password.lower()) == _refused(password.upper())


@given(st.text(max_size=128))
def test_any_text_can_be_checked(password: str) -> None:
    _refused(password)


def _refused(password: str) -> bool:
    try:
        RULES.check(password, EMAIL, NAMES)
    except WeakPassword:
        return True
    return False


def test_the_list_of_common_passwords_is_normalized() -> None:
    lines = COMMON.read_text(encoding="utf-8").splitlines()
    assert len(lines) > 10_000
    assert lines == sorted(set(lines))
    assert [line for line in lines if line != line.casefold() or re.search(r"\s", line)] == []
    licence = COMMON.with_suffix(".md").read_text(encoding="utf-8")
    assert "MIT License" in licence
    assert "zxcvbn" in licence
