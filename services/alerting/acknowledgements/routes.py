"""HTTP routes of links that acknowledge. They need no sign-in: the token of the link decides."""

from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from services.alerting.acknowledgements.schemas import LinkAcknowledge, LinkedAlert, LinkToken
from services.alerting.acknowledgements.service import LinkService
from services.alerting.mail_links import load_page
from shared.http.problems import problem_responses


def build_acknowledgements_router(service: LinkService) -> APIRouter:
    router = APIRouter(
        prefix="/api/v1/acknowledgements", tags=["acknowledgements"], responses=problem_responses(400, 422)
    )
    html, policy = load_page(Path(__file__).with_name("page.html"))

    @router.get("", summary="Show the page of a link", response_class=HTMLResponse)
    async def show_acknowledge_page() -> HTMLResponse:
        """Shows the alert and asks for a note. Opening it changes nothing: mail scanners follow links."""
        return HTMLResponse(html, headers={"Content-Security-Policy": policy})

    @router.post("/preview", summary="Look at the alert of a link", responses=problem_responses(404))
    async def preview_acknowledgement(body: LinkToken) -> LinkedAlert:
        """Changes nothing."""
        alert, link = await service.preview(body.token)
        return LinkedAlert.of(alert, link.recipient)

    @router.post("", summary="Acknowledge by link", responses=problem_responses(404))
    async def acknowledge_by_link(body: LinkAcknowledge) -> LinkedAlert:
        """Works once, within two days, until the alert is resolved. It acknowledges and nothing else."""
        alert, link = await service.acknowledge(body.token, body.note)
        return LinkedAlert.of(alert, link.recipient)

    return router
