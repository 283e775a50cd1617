"""Marks texts for translators that are translated where they are shown."""


def N_(text: str) -> str:
    return text
