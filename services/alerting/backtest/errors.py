"""Errors of backtests."""

from shared.errors import FieldError, Unprocessable


class BadRange(Unprocessable):
    def __init__(self, parameter: str, detail: str) -> None:
        super().__init__(detail, errors=[FieldError(f"/query/{parameter}", detail)])
