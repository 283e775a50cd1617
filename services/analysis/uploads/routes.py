"""HTTP of uploads."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from services.analysis.domain import AnalysisType
from services.analysis.uploads.schemas import AnalysisAccepted, inline_config
from services.analysis.uploads.service import UploadReceiver
from shared.access import Caller, Permission
from shared.http.caller import Guard
from shared.http.problems import problem_responses

# FastAPI does not parse the body, so it cannot describe it either.
UPLOAD_FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["machine_id", "analysis_type", "files"],
                    "additionalProperties": False,
                    "properties": {
                        "machine_id": {"type": "string", "format": "uuid"},
                        "analysis_type": {"type": "string", "enum": [kind.value for kind in AnalysisType]},
                        "config_id": {
                            "type": "integer",
                            "description": (
                                "The configuration to use. Default: for a baseline, the current one; for a"
                                " monitoring run, that of its baseline. The results of a run say which"
                                " settings took effect"
                            ),
                        },
                        "config": {
                            "type": "string",
                            "contentMediaType": "application/json",
                            "contentSchema": {"$ref": "#/components/schemas/ConfigChange"},
                            "description": (
                                "Parameters that differ from the configuration, as a JSON object with the"
                                " fields of POST /configs: what POST /file-previews proposes, for example"
                            ),
                        },
                        "time_zone": {
                            "type": "string",
                            "description": (
                                "The zone of times in the files that state none, such as Europe/Berlin;"
                                " the same as time_zone in config"
                            ),
                        },
                        "labels": {
                            "type": "string",
                            "contentMediaType": "text/csv",
                            "description": (
                                "A file of what is known of times: start, end and a code per line. Samples"
                                " get the code as the metadata column `label`, as from `labels` in config"
                            ),
                        },
                        "baseline_id": {
                            "type": "string",
                            "format": "uuid",
                            "description": (
                                "The completed baseline analysis to compare with. Default: the active one of"
                                " the machine"
                            ),
                        },
                        "files": {
                            "type": "array",
                            "minItems": 1,
                            "items": {"type": "string", "contentMediaType": "application/octet-stream"},
                            "description": (
                                "Text, Excel or Parquet files, also in gzip and zip; their content decides,"
                                " not their names. Files with the same header are read one after the"
                                " other; others are joined on time"
                            ),
                        },
                    },
                }
            }
        },
    }
}


def build_upload_router(receiver: UploadReceiver, guard: Guard, *, max_body_bytes: int) -> APIRouter:
    router = APIRouter(prefix="/api/v1", tags=["analyses"], responses=problem_responses(400, 401, 403, 422))
    writer = Annotated[Caller, Depends(guard.may(Permission.ANALYSES_WRITE))]

    @router.post(
        "/analyses",
        status_code=202,
        summary="Upload samples for analysis",
        description="Stores the files and queues their analysis. Poll the URL in Location for its status.",
        openapi_extra=UPLOAD_FORM,
        responses=problem_responses(400, 404, 409, 413, 415),
        max_body_size=max_body_bytes,
    )
    async def create_analysis(caller: writer, request: Request, response: Response) -> AnalysisAccepted:
        length = request.headers.get("Content-Length")
        analysis = await receiver.receive(
            caller,
            request.headers.get("Content-Type", ""),
            int(length) if length and length.isdigit() else None,
            request.stream(),
            inline_config,
        )
        response.headers["Location"] = f"/api/v1/analyses/{analysis.id}"
        return AnalysisAccepted.of(analysis)

    return router
