"""Errors of uploads."""

from uuid import UUID

from shared.errors import BadRequest, Conflict, FieldError, PayloadTooLarge, Unprocessable


class BaselineUnusable(Conflict):
    code = "baseline-unusable"

    def __init__(self, baseline_id: UUID, why: str) -> None:
        super().__init__(f"Analysis {baseline_id} cannot serve as the baseline: {why}.")


class BadUpload(Unprocessable):
    """A part of the form is missing or wrong; `name` is the form field."""

    def __init__(self, name: str, detail: str) -> None:
        super().__init__(detail, errors=[FieldError(f"/body/{name}", detail)])


class BrokenForm(BadRequest):
    pass


class UploadTooLarge(PayloadTooLarge):
    def __init__(self, largest_bytes: int) -> None:
        super().__init__(
            f"The upload is larger than the {_readable(largest_bytes)} that this installation takes."
            " Split it into several analyses, or compress it (.csv.gz, Parquet)."
        )


def _readable(size: int) -> str:
    for unit, factor in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if size >= factor:
            return f"{size / factor:g} {unit}"
    return f"{size} bytes"
