"""Parameters of the queries that list a page."""

from typing import Any

from shared.http.pages import PageRequest


def page_parameters(page: PageRequest) -> dict[str, Any]:
    return {
        "after_at": page.after.at if page.after else None,
        "after_id": page.after.id if page.after else None,
        "limit": page.limit + 1,
    }
