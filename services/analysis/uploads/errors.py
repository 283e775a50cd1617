"""Errors of uploads."""

from uuid import UUID

from shared.errors import BadRequest, Conflict, FieldError, PayloadTooLarge, Unprocessable


class BaselineUnusable(Conflict):
    code = "baseline-unusable"

    def __init__(self, baseline_id: UUID, why: str) -> None:
        super().__init__(f"Analysis {baseline_id} cannot serve as the baseline: {why}.")


class BadUpload(Unprocessable):
    """A form field is missing or invalid; `name` is the field."""

    def __init__(self, name: str, detail: str) -> None:
        super().__init__(detail, errors=[FieldError(f"/body/{name}", detail)])


class EmptyFile(BadUpload):
    def __init__(self, name: str, file: str) -> None:
        super().__init__(name, f"'{file}' is empty. Send a table with a header and at least 3 samples.")


class TooManyFiles(BadUpload):
    def __init__(self, name: str, maximum: int) -> None:
        super().__init__(name, f"Send at most {maximum} files at once.")


class BadFileName(BadUpload):
    pass


class BrokenForm(BadRequest):
    pass


class UploadTooLarge(PayloadTooLarge):
    def __init__(self, max_bytes: int) -> None:
        super().__init__(
            f"The upload exceeds the maximum of {_readable(max_bytes)}. Split it into several analyses, or"
            " compress it (.csv.gz, Parquet)."
        )


def _readable(size: int) -> str:
    for unit, factor in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if size >= factor:
            return f"{size / factor:g} {unit}"
    return f"{size} bytes"
