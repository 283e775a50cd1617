"""Names that users chose, as a message may contain them: quoted, short, and without addresses."""

import re
import unicodedata

MAX_LENGTH = 60
# What mail programs take for an address: marks inside of a word, as in `evil.example/path` or `a@b`.
INSIDE_OF_WORDS = re.compile(r"(?<=\S)[.\u3002:/\\@](?=\S)|[/\\@]|:(?=\S)")
# Control characters, and format characters such as those that turn the direction of text.
INVISIBLE = frozenset({"Cc", "Cf", "Co", "Cn", "Cs", "Zl", "Zp"})
QUOTES = str.maketrans({"\u201c": "'", "\u201d": "'", '"': "'"})


def quoted(name: str) -> str:
    """The name in quotation marks that it cannot end."""
    visible = "".join(
        " " if unicodedata.category(character) in INVISIBLE else character
        for character in unicodedata.normalize("NFKC", name)
    )
    plain = " ".join(INSIDE_OF_WORDS.sub(" ", visible).translate(QUOTES).split())
    short = plain if len(plain) <= MAX_LENGTH else plain[: MAX_LENGTH - 1].rstrip() + "\u2026"
    return f"\u201c{short}\u201d"
