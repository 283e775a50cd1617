"""Errors of the analysis service."""

from uuid import UUID

from shared.errors import BadRequest, Conflict, FieldError, NotFound, PayloadTooLarge, Unprocessable


class MachineNotFound(NotFound):
    def __init__(self, machine_id: UUID) -> None:
        super().__init__(f"There is no machine {machine_id} in your organization. GET /machines lists yours.")


class AnalysisNotFound(NotFound):
    def __init__(self, analysis_id: UUID) -> None:
        super().__init__(
            f"There is no analysis {analysis_id} in your organization. GET /analyses lists yours."
        )


class UploadNotFound(NotFound):
    def __init__(self, upload_id: UUID) -> None:
        super().__init__(f"There is no file upload {upload_id} in your organization.")


class AnomalyNotFound(NotFound):
    def __init__(self, anomaly_id: UUID) -> None:
        super().__init__(
            f"There is no anomaly {anomaly_id} in your organization. GET /anomalies lists yours."
        )


class ConfigNotFound(NotFound):
    def __init__(self, config_id: int) -> None:
        super().__init__(
            f"There is no configuration {config_id} in your organization. GET /configs lists yours."
        )


class NoBaseline(Conflict):
    code = "no-baseline"

    def __init__(self, machine_name: str) -> None:
        super().__init__(
            f"'{machine_name}' has no completed baseline yet, so there is nothing to compare with. Upload its"
            " normal samples first, with analysis_type=baseline, and wait until that analysis is completed."
        )


class BaselineUnusable(Conflict):
    code = "baseline-unusable"

    def __init__(self, baseline_id: UUID, why: str) -> None:
        super().__init__(f"Analysis {baseline_id} cannot serve as the baseline: {why}.")


class NotComplete(Conflict):
    code = "not-complete"

    def __init__(self, analysis_id: UUID, status: str) -> None:
        super().__init__(f"Analysis {analysis_id} is {status}: only a completed one has points.")


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


class BadRange(Unprocessable):
    def __init__(self, name: str, detail: str) -> None:
        super().__init__(detail, errors=[FieldError(f"/query/{name}", detail)])


def _readable(size: int) -> str:
    for unit, factor in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if size >= factor:
            return f"{size / factor:g} {unit}"
    return f"{size} bytes"
