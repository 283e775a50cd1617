"""HTTP models of uploads."""

from collections.abc import Mapping
from uuid import UUID

import orjson
from pydantic import BaseModel, ValidationError

from services.analysis.configs.domain import ConfigChanges
from services.analysis.configs.schemas import ConfigChange
from services.analysis.domain import Analysis, Status
from services.analysis.uploads.errors import BadUpload
from shared.errors import Unprocessable, json_pointer
from shared.http.problems import field_error


class AnalysisAccepted(BaseModel):
    id: UUID
    file_upload_id: UUID
    status: Status

    @classmethod
    def of(cls, analysis: Analysis) -> "AnalysisAccepted":
        return cls.model_validate(analysis, from_attributes=True)


def inline_config(values: Mapping[str, str]) -> ConfigChanges | None:
    """Return what the fields `config` (JSON) and `time_zone` of a form change; None if neither is there.

    Raises Unprocessable with a pointer to each field that is wrong.
    """
    if not values.get("config") and not values.get("time_zone"):
        return None
    try:
        sent = orjson.loads(values.get("config") or "{}")
    except orjson.JSONDecodeError as error:
        raise BadUpload("config", f"config is not JSON: {error}.") from None
    if not isinstance(sent, dict):
        raise BadUpload("config", "config must be a JSON object with parameters of a configuration.")
    if values.get("time_zone"):
        sent["time_zone"] = values["time_zone"]
    try:
        return ConfigChange.model_validate(sent).changes()
    except ValidationError as refused:
        errors = [
            field_error(json_pointer("body", "config", *error["loc"]), error) for error in refused.errors()
        ]
        said = f"config has an invalid field: {errors[0].pointer}: {errors[0].detail}."
        raise Unprocessable(said, errors=errors) from None
