"""HTTP routes of links that confirm a mailbox. They need no sign-in: the token of the link decides."""

from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from services.alerting.confirmations.schemas import ConfirmationToken
from services.alerting.confirmations.service import ConfirmationService
from services.alerting.mail_links import load_page
from shared.http.problems import problem_responses


def build_confirmations_router(service: ConfirmationService) -> APIRouter:
    router = APIRouter(
        prefix="/api/v1/contact-confirmations",
        tags=["contact points"],
        responses=problem_responses(400, 422),
    )
    html, policy = load_page(Path(__file__).with_name("page.html"))

    @router.get("", summary="Show the page of a link", response_class=HTMLResponse)
    async def show_confirmation_page() -> HTMLResponse:
        """Asks whether alerts may be sent. Opening it changes nothing: mail scanners follow links."""
        return HTMLResponse(html, headers={"Content-Security-Policy": policy})

    @router.post("", status_code=204, summary="Confirm a mailbox by link", responses=problem_responses(404))
    async def confirm_contact_point(body: ConfirmationToken) -> None:
        """From then on, alerts are sent to the contact point. Works within seven days, however often."""
        await service.confirm(body.token)

    return router
