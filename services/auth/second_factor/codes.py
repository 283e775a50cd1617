"""Recovery codes: for whoever has lost the other factors. Each works once."""

import base64
import secrets
from collections.abc import Sequence

from services.auth.opaque_tokens import token_hash
from services.auth.second_factor.domain import RECOVERY_CODES, RECOVERY_GROUP_LENGTH, RECOVERY_GROUPS

LENGTH = RECOVERY_GROUPS * RECOVERY_GROUP_LENGTH
RANDOM_BYTES = LENGTH * 5 // 8


def new_codes() -> Sequence[str]:
    """Such as `k3vq-7y2m-...`: letters and digits of base32, in groups that can be read aloud."""
    return [_grouped(secrets.token_bytes(RANDOM_BYTES)) for _ in range(RECOVERY_CODES)]


def hashed(code: str) -> str:
    """The hash of a code, however it was typed: spaces, hyphens and capitals do not count."""
    return token_hash("".join(character for character in code.lower() if character.isalnum()))


def _grouped(random: bytes) -> str:
    text = base64.b32encode(random).decode().lower()
    size = RECOVERY_GROUP_LENGTH
    return "-".join(text[start : start + size] for start in range(0, LENGTH, size))
