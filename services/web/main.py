"""Composition root of the web page."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from babel.support import NullTranslations
from fastapi import FastAPI
from starlette.middleware import Middleware

from services.web.account import routes as account
from services.web.accounts import routes as accounts
from services.web.alerts import routes as alerts
from services.web.analyses import routes as analyses
from services.web.api.client import ApiClient
from services.web.assets import routes as assets
from services.web.assets.service import Assets
from services.web.help import routes as help_pages
from services.web.layout import texts
from services.web.layout.pages import Pages
from services.web.layout.problems import Problems
from services.web.live import routes as live
from services.web.machines import routes as machines
from services.web.on_call import routes as on_call
from services.web.opt_outs import routes as opt_outs
from services.web.organization import routes as organization
from services.web.overview import routes as overview
from services.web.reaching import routes as reaching
from services.web.reports import routes as reports
from services.web.rules import routes as rules
from services.web.second_factor import routes as second_factor
from services.web.sessions.cookies import SessionCookies
from services.web.sessions.service import Sessions
from services.web.sessions.visit import Visitors
from services.web.settings import Settings
from services.web.sign_in import routes as sign_in
from services.web.sign_in.provider import ProviderSignIn
from services.web.silences import routes as silences
from shared.clock import SystemClock
from shared.http.application import build_application
from shared.observability.setup import set_up
from shared.process import serve
from shared.settings import InstallationSettings


def create_app(
    installation: InstallationSettings,
    settings: Settings,
    api: ApiClient | None = None,
    translations: Callable[[str], NullTranslations] = texts.translations,
) -> FastAPI:
    api = api or ApiClient(installation.gateway_url, seconds=settings.api_seconds)
    visitors = Visitors(api, Sessions(api))
    files = Assets()
    pages = Pages(files.address, translations)

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        async with api.open():
            yield

    app = build_application(
        service="web",
        description="The web page.",
        lifespan=lifespan,
        checks={},
        # The gateway shows the page, and waits for nobody: it is no condition for serving files and errors.
        details={"gateway": api.check},
        middleware=[Middleware(SessionCookies, allow_plain_http=settings.allow_plain_http)],
        # Uploads pass through; the gateway limits every body.
        max_body_size=None,
        openapi_url=None,
    )
    Problems(pages, visitors).install(app)
    app.include_router(assets.build_router(files))
    app.include_router(live.build_router(visitors))
    app.include_router(sign_in.build_router(pages, visitors, ProviderSignIn(api), settings.provider_name))
    app.include_router(second_factor.build_sign_in_router(pages, visitors))
    app.include_router(second_factor.build_router(pages, visitors))
    app.include_router(accounts.build_router(pages, visitors))
    app.include_router(account.build_router(pages, visitors))
    app.include_router(overview.build_router(pages, visitors))
    app.include_router(machines.build_router(pages, visitors))
    app.include_router(analyses.build_router(pages, visitors))
    app.include_router(help_pages.build_router(pages, visitors))
    app.include_router(reports.build_router(pages, visitors, SystemClock()))
    # Before the alerts, whose path takes any id.
    app.include_router(silences.build_router(pages, visitors, SystemClock()))
    app.include_router(on_call.build_router(pages, visitors, SystemClock()))
    app.include_router(alerts.build_router(pages, visitors))
    app.include_router(rules.build_router(pages, visitors))
    app.include_router(reaching.build_router(pages, visitors))
    app.include_router(opt_outs.build_router(pages, visitors, SystemClock()))
    app.include_router(organization.build_router(pages, visitors, SystemClock()))
    return app


def main() -> None:
    installation, settings = InstallationSettings(), Settings()
    set_up("web", log_level=installation.log_level, log_format=installation.log_format)
    serve(create_app(installation, settings), host=installation.host, port=settings.port)


if __name__ == "__main__":
    main()
