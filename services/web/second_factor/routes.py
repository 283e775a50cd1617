"""HTTP of second factors: the second step of a sign-in, and the factors of the visitor's account."""

import json
from collections.abc import Coroutine
from typing import Annotated, Any
from uuid import UUID

import segno
from fastapi import APIRouter, Depends
from markupsafe import Markup
from starlette.datastructures import FormData
from starlette.responses import Response

from services.web.errors import ApiBroken, ApiError, SignedOut
from services.web.layout.pages import Pages, moved
from services.web.second_factor.step import Step, credential_of
from services.web.sessions.visit import Visit, Visitors
from services.web.sign_in.domain import safe_target

MAX_FIELDS = 10
PLACE = "/account/second-factors"
# Modules of the QR code in pixels: large enough for a phone that is held at arm's length.
QR_SCALE = 5


def build_sign_in_router(pages: Pages, visitors: Visitors) -> APIRouter:
    router = APIRouter(include_in_schema=False)
    anyone = Annotated[Visit, Depends(visitors.anyone)]

    @router.post("/sign-in/second-factor")
    async def answer(visit: anyone) -> Response:
        visit.check_origin()
        form = await visit.request.form(max_files=0, max_fields=MAX_FIELDS)
        if (step := Step.read(form.get("step"))) is None:
            return moved(visit, "/sign-in")
        try:
            await visit.finish_sign_in({"challenge": step.challenge, **answer_of(form)})
        except ApiError as error:
            return await ask(pages, visit, step, error)
        return moved(visit, safe_target(step.next))

    return router


def answer_of(form: FormData) -> dict[str, Any]:
    """What the API takes for an answer, of what a form may have."""
    if form.get("credential"):
        return {"passkey": credential_of(form["credential"])}
    return {name: form[name] for name in ("code", "recovery_code") if form.get(name)}


async def ask(pages: Pages, visit: Visit, step: Step, error: ApiError | None = None) -> Response:
    """The page that asks for the second factor."""
    options = json.dumps(step.passkey_options) if step.passkey_options else ""
    return await pages.show(
        visit,
        "second_factor/asked.html",
        status=error.status if error else 200,
        step=step,
        options=options,
        error=error,
    )


def build_router(pages: Pages, visitors: Visitors) -> APIRouter:
    router = APIRouter(prefix=PLACE, include_in_schema=False)
    user = Annotated[Visit, Depends(visitors.user)]

    async def show(visit: Visit, error: ApiError | None = None) -> Response:
        factors = await visit.get("/users/me/second-factors")
        return await pages.show(
            visit,
            "second_factor/factors.html",
            status=error.status if error else 200,
            factors=factors,
            error=error,
        )

    async def changed(visit: Visit, change: Coroutine[Any, Any, Any]) -> Response:
        try:
            await change
        except ApiError as error:
            return await show(visit, error)
        return moved(visit, PLACE)

    async def added(visit: Visit, codes: list[str]) -> Response:
        """New recovery codes, whatever happens; without any, the factors as they are now."""
        try:
            # The new token lets the visitor into organizations that demand a second factor.
            await visit.renew()
        except (ApiError, ApiBroken, SignedOut):
            if not codes:
                raise
        return show_codes(visit, codes) if codes else moved(visit, PLACE)

    def show_codes(visit: Visit, codes: list[str]) -> Response:
        """They are in this one page only, so nothing else is asked of the API that could fail."""
        return pages.render(visit, "second_factor/codes.html", codes=codes)

    @router.get("")
    async def factors_page(visit: user) -> Response:
        return await show(visit)

    @router.post("/app")
    async def begin_app(visit: user) -> Response:
        await visit.form()
        try:
            made = await visit.post("/users/me/totp")
        except ApiError as error:
            return await show(visit, error)
        return await show_app(visit, str(made["secret"]), str(made["otpauth_url"]))

    @router.post("/app/confirm")
    async def confirm_app(visit: user) -> Response:
        form = await visit.form()
        try:
            made = await visit.post("/users/me/totp/confirmation", {"code": form.get("code", "")})
        except ApiError as error:
            return await show_app(visit, str(form.get("secret", "")), str(form.get("address", "")), error)
        return await added(visit, made["recovery_codes"])

    async def show_app(visit: Visit, secret: str, address: str, error: ApiError | None = None) -> Response:
        return await pages.show(
            visit,
            "second_factor/app.html",
            status=error.status if error else 200,
            secret=secret,
            address=address,
            picture=qr_code(address),
            error=error,
        )

    @router.post("/app/remove")
    async def remove_app(visit: user) -> Response:
        await visit.form()
        return await changed(visit, visit.delete("/users/me/totp"))

    @router.post("/passkeys/begin")
    async def begin_passkey(visit: user) -> Response:
        name = str((await visit.form()).get("name", ""))
        try:
            begun = await visit.post("/users/me/passkey-challenges")
        except ApiError as error:
            return await show(visit, error)
        options = json.dumps(begun["options"])
        context = {"name": name, "challenge": begun["challenge"], "options": options}
        return await pages.show(visit, "second_factor/passkey.html", **context)

    @router.post("/passkeys")
    async def add_passkey(visit: user) -> Response:
        form = await visit.form()
        body = {name: form.get(name, "") for name in ("challenge", "name")}
        try:
            credential = credential_of(form.get("credential"))
            made = await visit.post("/users/me/passkeys", {**body, "credential": credential})
        except ApiError as error:
            return await show(visit, error)
        return await added(visit, made["recovery_codes"])

    @router.post("/passkeys/{passkey_id}/remove")
    async def remove_passkey(visit: user, passkey_id: UUID) -> Response:
        await visit.form()
        return await changed(visit, visit.delete(f"/users/me/passkeys/{passkey_id}"))

    @router.post("/codes")
    async def renew_codes(visit: user) -> Response:
        await visit.form()
        try:
            made = await visit.post("/users/me/recovery-codes")
        except ApiError as error:
            return await show(visit, error)
        return show_codes(visit, made["recovery_codes"])

    return router


def qr_code(address: str) -> Markup:
    """An SVG; empty for what is too long for one, which no address of the API is."""
    try:
        code = segno.make(address, error="m")
    except (segno.DataOverflowError, ValueError):
        return Markup("")
    return Markup(code.svg_inline(scale=QR_SCALE, border=4, dark="#000", light="#fff"))  # noqa: S704 - drawn, not quoted
