"""The parameters that a form brings with its files."""

from collections.abc import Mapping

import orjson
from pydantic import ValidationError

from services.analysis.configs.schemas import ConfigChange
from services.analysis.uploads.errors import BadUpload
from shared.errors import FieldError, Unprocessable, json_pointer

# A list of the features and 10,000 labels fit in.
MAX_CONFIG_BYTES = 2**20


def inline_config(values: Mapping[str, str]) -> ConfigChange | None:
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
        return ConfigChange.model_validate(sent)
    except ValidationError as refused:
        errors = [
            FieldError(json_pointer("body", "config", *error["loc"]), error["msg"])
            for error in refused.errors()
        ]
        said = f"config has an invalid field: {errors[0].pointer}: {errors[0].detail}."
        raise Unprocessable(said, errors=errors) from None
