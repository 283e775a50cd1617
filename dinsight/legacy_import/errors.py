"""Errors of the import."""


class ImportRefused(Exception):
    """Nothing was changed; the message says why and what to do."""
