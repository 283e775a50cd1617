"""Which passwords are refused, and which are not."""

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
def test_what_a_guesser_tries_first_is_refused(password: str) -> None:
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
def test_what_takes_some_guessing_is_not(password: str) -> None:
    RULES.check(password, EMAIL, NAMES)


def test_short_names_and_none_at_all_refuse_nothing() -> None:
    RULES.check("correct horse battery", "co@example.org", ["", "Bat", "h"])


def test_the_field_is_named() -> None:
    with pytest.raises(WeakPassword) as refused:
        RULES.check("aaaaaaaaaaaa", EMAIL, pointer="/body/new_password")
    assert refused.value.errors[0].pointer == "/body/new_password"


@given(st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S"]), min_size=16, max_size=128))
def test_a_password_is_judged_the_same_in_any_case(password: str) -> None:
    assert _refused(password.lower()) == _refused(password.upper())


@given(st.text(max_size=128))
def test_any_text_can_be_judged(password: str) -> None:
    _refused(password)


def _refused(password: str) -> bool:
    try:
        RULES.check(password, EMAIL, NAMES)
    except WeakPassword:
        return True
    return False


def test_the_list_is_as_it_is_compared() -> None:
    lines = COMMON.read_text(encoding="utf-8").splitlines()
    assert len(lines) > 10_000
    assert lines == sorted(set(lines))
    assert [line for line in lines if line != line.casefold() or re.search(r"\s", line)] == []
    licence = COMMON.with_suffix(".md").read_text(encoding="utf-8")
    assert "MIT License" in licence
    assert "zxcvbn" in licence
