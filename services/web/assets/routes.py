"""HTTP of the files that pages load."""

from fastapi import APIRouter, Request, Response

from services.web.assets.service import Asset, Assets
from services.web.errors import UnknownPage

FOREVER = "public, max-age=31536000, immutable"


def build_router(assets: Assets) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get("/assets/{version}/{name:path}")
    async def asset(request: Request, version: str, name: str) -> Response:
        found = assets.get(name)
        if found is None:
            raise UnknownPage(request.url.path)
        return _response(found, request, is_current=version == assets.version)

    return router


def _response(asset: Asset, request: Request, *, is_current: bool) -> Response:
    # During an upgrade, a page of the other version must not be kept with files of this one.
    headers = {"Cache-Control": FOREVER if is_current else "no-store", "Vary": "Accept-Encoding"}
    if asset.compressed is None or "gzip" not in request.headers.get("Accept-Encoding", ""):
        return Response(asset.content, media_type=asset.media_type, headers=headers)
    headers["Content-Encoding"] = "gzip"
    return Response(asset.compressed, media_type=asset.media_type, headers=headers)
