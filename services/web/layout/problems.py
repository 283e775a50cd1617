"""Answers errors as people read them: a page, a notice for a part of one, or a problem for a script."""

from collections.abc import Awaitable, Callable, Sequence

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from opentelemetry import trace
from starlette.exceptions import HTTPException
from starlette.responses import Response

from services.web.errors import ApiError, ForeignForm, SignedOut, UnknownPage
from services.web.layout.pages import Pages, to_sign_in
from services.web.sessions.visit import MAX_FIELDS, Visit, Visitors
from shared.errors import DInsightError
from shared.http.problems import render

Handler = Callable[[Request, Exception], Awaitable[Response]]
# Parts of the names of fields that are not shown again.
SECRETS = ("password", "secret", "token", "code", "credential", "challenge", "url")
logger = structlog.get_logger(__name__)


class Problems:
    def __init__(self, pages: Pages, visitors: Visitors) -> None:
        self._pages = pages
        self._visitors = visitors

    def install(self, app: FastAPI) -> None:
        for kind in (DInsightError, HTTPException, RequestValidationError, Exception):
            app.add_exception_handler(kind, self._handle)

    async def _handle(self, request: Request, error: Exception) -> Response:
        problem = self._problem(request, error)
        visit = await self._visitors.anyone(request)
        if not _wants_page(request):
            return self._for_script(visit, problem)
        if isinstance(problem, SignedOut | ForeignForm) and (typed := await _typed(visit)):
            back = _page_of(visit)
            return self._pages.render(
                visit, "layout/unsent.html", status=problem.status, error=problem, typed=typed, back=back
            )
        if isinstance(problem, SignedOut):
            return to_sign_in(visit)
        return self._shown(visit, problem)

    def _problem(self, request: Request, error: Exception) -> DInsightError:
        if isinstance(error, DInsightError):
            return error
        if isinstance(error, RequestValidationError):
            return UnknownPage(request.url.path)
        if isinstance(error, HTTPException):
            return UnknownPage(request.url.path) if error.status_code < 500 else DInsightError(error.detail)
        logger.error("unhandled error", path=request.url.path, exc_info=error)
        return DInsightError("Something went wrong on our side and was logged.")

    def _for_script(self, visit: Visit, problem: DInsightError) -> Response:
        """The problem with its sentence in the visitor's language: the script shows it as it is."""
        said = self._pages.words(visit)
        problem.detail = " ".join([said.problem(problem), *said.problem_fields(problem)])
        return render(visit.request, problem)

    def _shown(self, visit: Visit, problem: DInsightError) -> Response:
        if visit.request.headers.get("HX-Request"):
            # The part that was asked for stays as it is; the notice says why it is not newer.
            answer = self._pages.render(visit, "layout/notice.html", status=problem.status, error=problem)
            answer.headers["HX-Retarget"], answer.headers["HX-Reswap"] = "#notices", "outerHTML"
            return answer
        gettext = self._pages.gettext(visit)
        heading = gettext("Not found") if problem.status == 404 else gettext("Something went wrong")
        return self._pages.render(
            visit,
            "layout/error.html",
            status=problem.status,
            heading=heading,
            error=problem,
            request_id=_trace_id(problem),
        )


async def _typed(visit: Visit) -> Sequence[tuple[str, str]]:
    """What somebody typed into a form of ours that is not taken; nothing for parts, and no secrets."""
    request = visit.request
    if request.method != "POST" or "HX-Request" in request.headers:
        return ()
    try:
        visit.check_origin()
        fields = await request.form(max_files=0, max_fields=MAX_FIELDS)
    except (ForeignForm, HTTPException):
        return ()
    return [
        (name, value)
        for name, value in fields.multi_items()
        if isinstance(value, str) and value and not any(word in name for word in SECRETS)
    ]


def _page_of(visit: Visit) -> str:
    """The path of the page that has the form: only one of ours."""
    origin, referer = visit.holder.place.origin, visit.request.headers.get("Referer", "")
    return referer.removeprefix(origin) if referer.startswith(f"{origin}/") else "/"


def _wants_page(request: Request) -> bool:
    return "text/html" in request.headers.get("Accept", "") or "HX-Request" in request.headers


def _trace_id(problem: DInsightError) -> str:
    if isinstance(problem, ApiError) and problem.trace_id:
        return problem.trace_id
    context = trace.get_current_span().get_span_context()
    return trace.format_trace_id(context.trace_id) if context.is_valid else ""
