"""HTTP of the help."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from services.web.errors import UnknownPage
from services.web.help.library import Library
from services.web.layout.pages import Pages, language_of
from services.web.sessions.visit import Visit, Visitors


def build_router(pages: Pages, visitors: Visitors) -> APIRouter:
    router = APIRouter(prefix="/help", include_in_schema=False)
    anyone = Annotated[Visit, Depends(visitors.anyone)]
    library = Library()

    @router.get("")
    async def help_page(visit: anyone, q: str = "") -> Response:
        language = language_of(visit)
        found, sections = library.search(q, language), library.sections(language)
        return await pages.show(visit, "help/help.html", sections=sections, q=q, found=found)

    @router.get("/{name}")
    async def document(visit: anyone, name: str) -> Response:
        shown = library.get(name, language_of(visit))
        if shown is None:
            raise UnknownPage(visit.request.url.path)
        return await pages.show(visit, "help/document.html", document=shown)

    return router
