"""Responses with secrets stay out of caches, also where no gateway is in front."""

from typing import Any

from fastapi import Depends, Response


def _no_store(response: Response) -> None:
    response.headers["Cache-Control"] = "no-store"


# For the dependencies of a route.
NO_STORE: Any = Depends(_no_store)
