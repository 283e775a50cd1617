"""Which passwords are too easy to guess, whatever their length."""

import unicodedata
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

from services.auth.database.unit import Unit
from services.auth.errors import WeakPassword
from services.auth.users.domain import User
from shared.http.pages import PageRequest

COMMON = Path(__file__).with_name("common_passwords.txt")
PRODUCT = "dinsight"
# Shorter names stand in too many innocent passwords.
SHORTEST_NAME = 4
# What must be left of a password without the names that everybody knows.
LEAST_BESIDE_NAMES = 6
FEWEST_CHARACTERS = 5
LONGEST_REPEATED = 8
# Neighbours on the keyboard or in the alphabet, read both ways.
ROWS = (
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890",
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "qwertzuiop",
    "yxcvbnm",
)
# Of so many steps from one character to the next, one may lead somewhere else.
STEPS_PER_JUMP = 5


class PasswordRules:
    def __init__(self, common: Iterable[str]) -> None:
        self._common = frozenset(common)

    @classmethod
    def shipped(cls) -> "PasswordRules":
        return cls(COMMON.read_text(encoding="utf-8").split())

    def check(
        self, password: str, email: str, names: Iterable[str] = (), *, pointer: str = "/body/password"
    ) -> None:
        """Raise WeakPassword for one that a guesser tries first. `names` are of the person and the plant."""
        text = unicodedata.normalize("NFKC", password).casefold()
        if text in self._common or _core(text) in self._common:
            raise WeakPassword("is one of the most common ones, or one with a little added", pointer)
        if _trivial(text):
            raise WeakPassword("repeats itself or follows the alphabet or the keyboard", pointer)
        beside = _without(text, {email, email.partition("@")[0], PRODUCT, *names})
        if beside is not None and (len(beside) < LEAST_BESIDE_NAMES or _trivial(beside)):
            raise WeakPassword(
                "is little more than your own, your organization's or the product's name", pointer
            )


async def names_around(unit: Unit, user: User) -> list[str]:
    """Names that others connect with the user."""
    page = await unit.organizations.of_user(user.id, PageRequest())
    return [user.full_name, *(belonging.organization.name for belonging in page.items)]


def _core(text: str) -> str:
    """Without the digits and signs that are put before or after a word."""
    letters = [place for place, character in enumerate(text) if character.isalpha()]
    return text[letters[0] : letters[-1] + 1] if letters else ""


def _trivial(text: str) -> bool:
    return len(set(text)) < FEWEST_CHARACTERS or _repeats(text) or _follows_rows(text)


def _repeats(text: str) -> bool:
    longest = min(LONGEST_REPEATED, len(text) // 2)
    return any(text[length:] == text[:-length] for length in range(1, longest + 1))


def _follows_rows(text: str) -> bool:
    steps = list(pairwise(text))
    jumps = sum(1 for pair in steps if pair not in _NEIGHBOURS and pair[0] != pair[1])
    return jumps * STEPS_PER_JUMP <= len(steps)


def _without(text: str, names: Iterable[str]) -> str | None:
    """Letters and digits of the text beside those names; None when it holds none of them."""
    rest = _plain(text)
    before = rest
    for name in sorted({_plain(name.casefold()) for name in names}, key=len, reverse=True):
        if len(name) >= SHORTEST_NAME:
            rest = rest.replace(name, "")
    return None if rest == before else rest


def _plain(text: str) -> str:
    return "".join(character for character in text if character.isalnum())


_NEIGHBOURS = frozenset(pair for row in ROWS for way in (row, row[::-1]) for pair in pairwise(way))
