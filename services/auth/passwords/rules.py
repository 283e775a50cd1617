"""Rejects passwords that are easy to guess, regardless of their length."""

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
# Shorter names occur in too many good passwords.
MIN_NAME_LENGTH = 4
# The characters that must remain without well-known names.
MIN_LENGTH_WITHOUT_NAMES = 6
MIN_DISTINCT_CHARACTERS = 5
MAX_REPEATED_LENGTH = 8
# Rows of the keyboard and the alphabet, in both directions.
ROWS = (
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890",
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "qwertzuiop",
    "yxcvbnm",
)
# One step in this many may lead to a character that is not a neighbour.
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
        """Raise WeakPassword if an attacker would try it first. `names` are those of the user and plant."""
        text = unicodedata.normalize("NFKC", password).casefold()
        if text in self._common or _core(text) in self._common:
            raise WeakPassword("is too common, or only slightly different from a common one", pointer)
        if _trivial(text):
            raise WeakPassword("is repetitive, or follows the alphabet or the keyboard", pointer)
        rest = _without(text, {email, email.partition("@")[0], PRODUCT, *names})
        if rest is not None and (len(rest) < MIN_LENGTH_WITHOUT_NAMES or _trivial(rest)):
            raise WeakPassword("consists mostly of your name, your organization's or the product's", pointer)


async def related_names(unit: Unit, user: User) -> list[str]:
    """Names that an attacker would associate with the user."""
    page = await unit.organizations.of_user(user.id, PageRequest())
    return [user.full_name, *(access.organization.name for access in page.items)]


def _core(text: str) -> str:
    """Strip digits and punctuation from both ends."""
    letters = [index for index, character in enumerate(text) if character.isalpha()]
    return text[letters[0] : letters[-1] + 1] if letters else ""


def _trivial(text: str) -> bool:
    return len(set(text)) < MIN_DISTINCT_CHARACTERS or _repeats(text) or _follows_rows(text)


def _repeats(text: str) -> bool:
    longest = min(MAX_REPEATED_LENGTH, len(text) // 2)
    return any(text[length:] == text[:-length] for length in range(1, longest + 1))


def _follows_rows(text: str) -> bool:
    steps = list(pairwise(text))
    jumps = sum(1 for pair in steps if pair not in _NEIGHBOURS and pair[0] != pair[1])
    return jumps * STEPS_PER_JUMP <= len(steps)


def _without(text: str, names: Iterable[str]) -> str | None:
    """The letters and digits that remain without the names; None if the text contains no name."""
    rest = _plain(text)
    before = rest
    for name in sorted({_plain(name.casefold()) for name in names}, key=len, reverse=True):
        if len(name) >= MIN_NAME_LENGTH:
            rest = rest.replace(name, "")
    return None if rest == before else rest


def _plain(text: str) -> str:
    return "".join(character for character in text if character.isalnum())


_NEIGHBOURS = frozenset(pair for row in ROWS for way in (row, row[::-1]) for pair in pairwise(way))
