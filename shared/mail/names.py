"""What users wrote, as a message may contain it: short, on one line, and without addresses.

Mail and chat programs make links of addresses, and the only links in our messages are ours.
"""

import re
import unicodedata

MAX_LENGTH = 60
# What programs take for an address: marks inside of a word, as in `evil.example/path` or `a@b`. Numbers such
# as 2.41 and times such as 03:24 are kept, which stand alone.
NUMBER = r"(?<![^\s(+-])\d+[.:]\d+(?=[\s%;,)]|$)"
MARKS = r"(?<=\S)[.\u3002:/\\@](?=\S)|[/\\@]|:(?=\S)"
NUMBER_OR_MARK = re.compile(f"(?P<number>{NUMBER})|{MARKS}")
# Control characters, and format characters such as those that turn the direction of text.
INVISIBLE = frozenset({"Cc", "Cf", "Co", "Cn", "Cs", "Zl", "Zp"})
QUOTES = str.maketrans({"\u201c": "'", "\u201d": "'", '"': "'"})
# Chat services write links and mentions of everybody as <...>.
BRACKETS = str.maketrans({"<": "\u2039"})


def quoted(name: str) -> str:
    """The name in quotation marks that it cannot end."""
    return f"\u201c{plain(name.translate(QUOTES), MAX_LENGTH)}\u201d"


def plain(text: str, max_length: int) -> str:
    """The text without addresses, for a place of its own, such as the cell of a table."""
    visible = "".join(
        " " if unicodedata.category(character) in INVISIBLE else character
        for character in unicodedata.normalize("NFKC", text)
    )
    harmless = NUMBER_OR_MARK.sub(lambda found: found["number"] or " ", visible).translate(BRACKETS)
    words = " ".join(harmless.split())
    return words if len(words) <= max_length else words[: max_length - 1].rstrip() + "\u2026"
