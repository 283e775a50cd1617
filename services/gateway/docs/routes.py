"""HTTP of the documents."""

import orjson
from fastapi import APIRouter, Request, Response

from services.gateway.docs import page
from services.gateway.docs.catalogue import Catalogue
from shared.events.asyncapi import build_document

SCRIPT, STYLE = "text/javascript", "text/css"


def build_router(catalogue: Catalogue) -> APIRouter:
    router = APIRouter()

    @router.get("/openapi.json", include_in_schema=False)
    async def openapi_document() -> Response:
        return Response(orjson.dumps(await catalogue.document()), media_type="application/json")

    @router.get("/asyncapi", include_in_schema=False)
    async def asyncapi_document() -> Response:
        return Response(orjson.dumps(build_document()), media_type="application/json")

    @router.get("/docs", include_in_schema=False)
    async def docs_page(request: Request) -> Response:
        html = page.DocsPage(await catalogue.document(), str(request.base_url)).html()
        return Response(
            html, media_type="text/html", headers={"Content-Security-Policy": page.CONTENT_SECURITY_POLICY}
        )

    @router.get("/docs/docs.css", include_in_schema=False)
    async def docs_style() -> Response:
        return Response(page.asset("docs.css"), media_type=STYLE)

    @router.get("/docs/docs.js", include_in_schema=False)
    async def docs_script() -> Response:
        return Response(page.asset("docs.js"), media_type=SCRIPT)

    return router
