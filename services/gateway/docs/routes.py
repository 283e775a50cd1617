"""HTTP of the documents: the committed files of docs/, and a page that shows the one of the API."""

from collections.abc import Mapping
from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse

from services.gateway.errors import UnknownPath

DOCUMENTS = Path(__file__).resolve().parents[3] / "docs"
PAGE = Path(__file__).with_name("page")
# What the page loads. `page/swagger-ui/` holds files of the package swagger-ui-dist, unchanged.
ASSETS: Mapping[str, Path] = {
    "start.js": PAGE / "start.js",
    "swagger-ui-bundle.js": PAGE / "swagger-ui" / "swagger-ui-bundle.js",
    "swagger-ui.css": PAGE / "swagger-ui" / "swagger-ui.css",
}
# Its own files and calls of this gateway; Swagger UI has its icons in its style.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def build_router() -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get("/openapi.json")
    async def openapi_document() -> FileResponse:
        return FileResponse(DOCUMENTS / "openapi.json")

    @router.get("/asyncapi")
    async def asyncapi_document() -> FileResponse:
        return FileResponse(DOCUMENTS / "asyncapi.json")

    @router.get("/docs")
    async def docs_page() -> FileResponse:
        return FileResponse(PAGE / "index.html", headers={"Content-Security-Policy": CONTENT_SECURITY_POLICY})

    @router.get("/docs/{name}")
    async def docs_asset(name: str) -> FileResponse:
        if name not in ASSETS:
            raise UnknownPath(f"/docs/{name}")
        return FileResponse(ASSETS[name])

    return router
