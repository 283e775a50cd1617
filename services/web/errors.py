"""Errors of the page itself, and those that the API responds with."""

from collections.abc import Mapping
from typing import Any

from shared.errors import BadGateway, DInsightError, FieldError, Forbidden, NotFound, Unprocessable


class ApiError(DInsightError):
    """A problem that the API responded with; the page shows it as it is."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        errors = [
            FieldError(
                str(each.get("pointer", "")),
                str(each.get("detail", "")),
                str(each.get("code", "")),
                each.get("params") or {},
            )
            for each in problem.get("errors") or ()
        ]
        super().__init__(str(problem.get("detail") or problem.get("title") or ""), errors=errors)
        # Of this problem, not of the class.
        self.status = status  # type: ignore[misc]
        self.title = str(problem.get("title") or "")  # type: ignore[misc]
        self.code = str(problem.get("type") or "").rpartition(":")[2]  # type: ignore[misc]
        self.reason_code = str(problem.get("code") or self.code)  # type: ignore[misc]
        self.params = problem.get("params") or {}
        self.problem = problem
        self.trace_id = str(problem.get("trace_id") or "")

    @property
    def fields(self) -> Mapping[str, str]:
        """What is wrong with each field of the body, by its name."""
        return {error.pointer.rpartition("/")[2]: error.detail for error in self.errors}


class ApiBroken(BadGateway):
    code = "api-broken"

    def __init__(self) -> None:
        super().__init__("The API did not respond. Nothing is lost; try again shortly.")


class Unsendable(Unprocessable):
    def __init__(self) -> None:
        super().__init__(
            "A value is nested too deeply, or a number is too large for JSON. Correct it and send it again."
        )


class SignedOut(DInsightError):
    """There is no session, or it has ended: the visitor signs in and returns to where they were."""

    status, title, code = 401, "Not signed in", "signed-out"

    def __init__(self) -> None:
        super().__init__("Your session has ended. Sign in again.")


class ForeignForm(Forbidden):
    code = "foreign-form"

    def __init__(self) -> None:
        super().__init__("This form did not come from a current page of ours. Reload the page and try again.")


class SessionsRefused(Forbidden):
    code = "plain-http"

    def __init__(self, host: str) -> None:
        super().__init__(
            f"{host} is reached without encryption, so nobody can sign in here. Open the page over https. For"
            " a network that you trust, an operator can set DINSIGHT_WEB_ALLOW_PLAIN_HTTP=true."
        )


class SignInTooWeak(Forbidden):
    """The organization requires a stronger sign-in than the visitor's."""

    code = "sign-in-too-weak"

    def __init__(self) -> None:
        super().__init__(
            "This organization requires a second factor, or a sign-in through the sign-in provider. Sign in"
            " that way."
        )


class UnknownPage(NotFound):
    def __init__(self, path: str) -> None:
        super().__init__(f"There is no page at {path}.")
