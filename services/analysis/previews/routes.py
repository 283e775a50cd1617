"""HTTP of previews."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from services.analysis.previews.schemas import FilePreview
from services.analysis.previews.service import PreviewService
from services.analysis.uploads.schemas import inline_config
from shared.access import Caller, Permission
from shared.http.caller import Guard
from shared.http.problems import problem_responses

# FastAPI does not parse the body, so it cannot describe it either.
PREVIEW_FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "additionalProperties": False,
                    "properties": {
                        "file": {
                            "type": "string",
                            "contentMediaType": "application/octet-stream",
                            "description": (
                                "A file, or its beginning: the first megabyte of a text file is enough."
                                " Parquet, Excel and zip files must be whole"
                            ),
                        },
                        "config": {
                            "type": "string",
                            "contentMediaType": "application/json",
                            "contentSchema": {"$ref": "#/components/schemas/ConfigChange"},
                            "description": (
                                "What is known of the file, as a JSON object with the fields of POST"
                                " /configs:"
                                " answers to the questions of an earlier preview, for example"
                            ),
                        },
                        "time_zone": {
                            "type": "string",
                            "description": "The zone of times that state none, such as Europe/Berlin",
                        },
                    },
                }
            }
        },
    }
}


def build_preview_router(previews: PreviewService, guard: Guard, *, max_body_bytes: int) -> APIRouter:
    router = APIRouter(prefix="/api/v1", tags=["analyses"], responses=problem_responses(400, 401, 403, 422))
    writer = Annotated[Caller, Depends(guard.may(Permission.ANALYSES_WRITE))]

    @router.post(
        "/file-previews",
        summary="Preview a file",
        description=(
            "Tells what is understood of a file, column by column, and proposes a configuration with which"
            " POST /analyses reads it. Nothing is stored."
        ),
        openapi_extra=PREVIEW_FORM,
        responses=problem_responses(413, 415, 429),
        max_body_size=max_body_bytes,
    )
    async def preview_file(caller: writer, request: Request) -> FilePreview:
        length = request.headers.get("Content-Length")
        found = await previews.preview(
            caller,
            request.headers.get("Content-Type", ""),
            int(length) if length and length.isdigit() else None,
            request.stream(),
            inline_config,
        )
        return FilePreview.model_validate(found)

    return router
