"""HTTP of analyses and their results."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from services.analysis.database.unit import Units
from services.analysis.domain import AnalysisFilter, AnalysisType, Status
from services.analysis.results.schemas import AnalysisDetail, AnalysisOut, Features, FileUploadOut, Points
from services.analysis.results.service import ResultService
from shared.access import Caller, Permission
from shared.http.caller import Guard
from shared.http.pages import Page, PageParameters
from shared.http.problems import problem_responses

JSON = "application/json"
Start = Annotated[int, Query(ge=0, lt=2**31, description="Index of the first sample, counted from 0")]
Stop = Annotated[
    int | None, Query(ge=0, lt=2**31, description="Index after the last sample. Default: all samples")
]


def build_result_router(results: ResultService, units: Units, guard: Guard) -> APIRouter:
    router = APIRouter(prefix="/api/v1", tags=["analyses"], responses=problem_responses(400, 401, 403, 422))
    reader = Annotated[Caller, Depends(guard.may(Permission.ANALYSES_READ))]

    @router.get("/analyses", summary="List analyses")
    async def list_analyses(
        caller: reader,
        page: PageParameters,
        machine_id: UUID | None = None,
        analysis_type: AnalysisType | None = None,
        status: Status | None = None,
    ) -> Page[AnalysisOut]:
        """Newest first."""
        wanted = AnalysisFilter(machine_id, analysis_type, status)
        async with units(caller.scope) as unit:
            return Page[AnalysisOut].of(await results.analyses(unit, wanted, page), AnalysisOut.of)

    @router.get("/analyses/{analysis_id}", summary="Get an analysis", responses=problem_responses(404))
    async def get_analysis(caller: reader, analysis_id: UUID) -> AnalysisDetail:
        """Status and progress; `results` once it has completed, `error` once it has failed."""
        async with units(caller.scope) as unit:
            analysis = await results.analysis(unit, analysis_id)
            return AnalysisDetail.with_realised(analysis, await results.realised(unit, analysis))

    @router.get(
        "/analyses/{analysis_id}/points",
        summary="Get the map points of an analysis",
        response_model=Points,
        responses=problem_responses(404, 409),
    )
    async def get_analysis_points(
        caller: reader, analysis_id: UUID, start: Start = 0, stop: Stop = None
    ) -> Response:
        """Columns of equal length with one entry per sample, in the samples' order; at most 1,000,000
        samples. Request longer analyses in parts, with `start` and `stop`."""
        async with units(caller.scope) as unit:
            return Response(await results.points(unit, analysis_id, start, stop), media_type=JSON)

    @router.get("/file-uploads/{upload_id}", summary="Get an upload", responses=problem_responses(404))
    async def get_file_upload(caller: reader, upload_id: UUID) -> FileUploadOut:
        """The file or the merged files, the features that were found and the number of samples."""
        async with units(caller.scope) as unit:
            return FileUploadOut.of(await results.upload(unit, upload_id))

    @router.get(
        "/file-uploads/{upload_id}/features",
        summary="Get the features of an upload's samples",
        response_model=Features,
        responses=problem_responses(404, 409),
    )
    async def get_file_upload_features(
        caller: reader,
        upload_id: UUID,
        start: Start = 0,
        stop: Stop = None,
        features: Annotated[
            list[str] | None, Query(description="Names of the features. Default: all features")
        ] = None,
    ) -> Response:
        """Values as they were read from the file, in the samples' order; at most 1,000,000 values. Samples
        whose features are no longer stored, as after a failed analysis, are left out."""
        async with units(caller.scope) as unit:
            body = await results.features(unit, upload_id, start, stop, features)
        return Response(body, media_type=JSON)

    return router
