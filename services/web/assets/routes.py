"""HTTP of the files that pages load."""

from fastapi import APIRouter, Request, Response

from services.web.assets.service import Assets
from services.web.errors import UnknownPage

FOREVER = "public, max-age=31536000, immutable"


def build_router(assets: Assets) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get("/assets/{version}/{name:path}")
    async def asset(request: Request, version: str, name: str) -> Response:
        found = assets.get(name)
        if found is None:
            raise UnknownPage(request.url.path)
        # During an upgrade, a page of the other version must not be kept with files of this one.
        headers = {
            "Cache-Control": FOREVER if version == assets.version else "no-store",
            "Vary": "Accept-Encoding",
        }
        if found.compressed is not None and "gzip" in request.headers.get("Accept-Encoding", ""):
            return Response(
                found.compressed, media_type=found.media_type, headers={**headers, "Content-Encoding": "gzip"}
            )
        return Response(found.content, media_type=found.media_type, headers=headers)

    return router
