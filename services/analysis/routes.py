"""HTTP of the analysis service: uploads and their analyses."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from services.analysis.configs import ConfigService
from services.analysis.domain import AnalysisFilter, AnalysisType, Status
from services.analysis.reading import ReadingService
from services.analysis.repository import PostgresUnits
from services.analysis.schemas import (
    AnalysisAccepted,
    AnalysisOut,
    ConfigChange,
    ConfigOut,
    Features,
    FileUploadOut,
    Points,
)
from services.analysis.uploads import UploadReceiver
from shared.access import Caller, Permission
from shared.http.caller import Guard
from shared.http.pages import Page, PageParameters
from shared.http.problems import problem_responses

# The body is read by hand, so the document is told by hand what it holds.
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
                            "description": "Default: the current configuration, or the baseline's",
                        },
                        "baseline_id": {
                            "type": "string",
                            "format": "uuid",
                            "description": "A completed baseline analysis; default: the machine's newest",
                        },
                        "files": {
                            "type": "array",
                            "minItems": 1,
                            "items": {"type": "string", "contentMediaType": "application/octet-stream"},
                            "description": "CSV, gzipped CSV or Parquet; several with one header are merged",
                        },
                    },
                }
            }
        },
    }
}
JSON = "application/json"
Start = Annotated[int, Query(ge=0, lt=2**31, description="First sample, counted from 0")]
Stop = Annotated[int | None, Query(ge=0, lt=2**31, description="First sample that is left out; default: all")]


def build_upload_router(receiver: UploadReceiver, guard: Guard, *, largest_body_bytes: int) -> APIRouter:
    router = APIRouter(prefix="/api/v1", tags=["analyses"], responses=problem_responses(400, 401, 403, 422))
    writer = Annotated[Caller, Depends(guard.may(Permission.ANALYSES_WRITE))]

    @router.post(
        "/analyses",
        status_code=202,
        summary="Upload samples for analysis",
        description="The files stream to the store while they arrive; follow the analysis at its Location.",
        openapi_extra=UPLOAD_FORM,
        responses=problem_responses(400, 404, 409, 413, 415),
        max_body_size=largest_body_bytes,
    )
    async def create_analysis(caller: writer, request: Request, response: Response) -> AnalysisAccepted:
        length = request.headers.get("Content-Length")
        analysis = await receiver.receive(
            caller,
            request.headers.get("Content-Type", ""),
            int(length) if length and length.isdigit() else None,
            request.stream(),
        )
        response.headers["Location"] = f"/api/v1/analyses/{analysis.id}"
        return AnalysisAccepted.of(analysis)

    return router


def build_router(
    configs: ConfigService, reading: ReadingService, units: PostgresUnits, guard: Guard
) -> APIRouter:
    router = APIRouter(prefix="/api/v1", tags=["analyses"], responses=problem_responses(400, 401, 403, 422))
    reader = Annotated[Caller, Depends(guard.may(Permission.ANALYSES_READ))]
    config_reader = Annotated[Caller, Depends(guard.may(Permission.CONFIGS_READ))]
    config_writer = Annotated[Caller, Depends(guard.may(Permission.CONFIGS_WRITE))]

    @router.get("/configs/current", tags=["configs"], summary="Show the current parameters")
    async def get_current_config(caller: config_reader) -> ConfigOut:
        async with units(caller.scope) as unit:
            return ConfigOut.of(await configs.current(unit, caller))

    @router.get("/configs", tags=["configs"], summary="List all versions of the parameters")
    async def list_configs(caller: config_reader, page: PageParameters) -> Page[ConfigOut]:
        async with units(caller.scope) as unit:
            return Page[ConfigOut].of(await configs.list(unit, caller, page), ConfigOut.of)

    @router.post("/configs", status_code=201, tags=["configs"], summary="Change parameters: a new version")
    async def create_config(caller: config_writer, body: ConfigChange) -> ConfigOut:
        async with units(caller.scope) as unit:
            return ConfigOut.of(await configs.change(unit, caller, body.model_dump(exclude_unset=True)))

    @router.get("/analyses", summary="List analyses")
    async def list_analyses(
        caller: reader,
        page: PageParameters,
        machine_id: UUID | None = None,
        analysis_type: AnalysisType | None = None,
        status: Status | None = None,
    ) -> Page[AnalysisOut]:
        wanted = AnalysisFilter(machine_id, analysis_type, status)
        async with units(caller.scope) as unit:
            return Page[AnalysisOut].of(await reading.analyses(unit, wanted, page), AnalysisOut.of)

    @router.get("/analyses/{analysis_id}", summary="Show an analysis", responses=problem_responses(404))
    async def get_analysis(caller: reader, analysis_id: UUID) -> AnalysisOut:
        async with units(caller.scope) as unit:
            return AnalysisOut.of(await reading.analysis(unit, analysis_id))

    @router.get(
        "/analyses/{analysis_id}/points",
        summary="Show an analysis' points on the map",
        response_model=Points,
        responses=problem_responses(404, 409),
    )
    async def get_analysis_points(
        caller: reader, analysis_id: UUID, start: Start = 0, stop: Stop = None
    ) -> Response:
        async with units(caller.scope) as unit:
            return Response(await reading.points(unit, analysis_id, start, stop), media_type=JSON)

    @router.get("/file-uploads/{upload_id}", summary="Show an upload", responses=problem_responses(404))
    async def get_file_upload(caller: reader, upload_id: UUID) -> FileUploadOut:
        async with units(caller.scope) as unit:
            return FileUploadOut.of(await reading.upload(unit, upload_id))

    @router.get(
        "/file-uploads/{upload_id}/features",
        summary="Show stored features of samples",
        response_model=Features,
        responses=problem_responses(404),
    )
    async def get_file_upload_features(
        caller: reader,
        upload_id: UUID,
        start: Start = 0,
        stop: Stop = None,
        features: Annotated[list[str] | None, Query(description="Names; default: all")] = None,
    ) -> Response:
        async with units(caller.scope) as unit:
            body = await reading.features(unit, upload_id, start, stop, features)
        return Response(body, media_type=JSON)

    return router
