"""Errors of configurations."""

from shared.errors import NotFound


class ConfigNotFound(NotFound):
    def __init__(self, config_id: int) -> None:
        super().__init__(
            f"There is no configuration {config_id} in your organization. GET /configs lists your"
            " configurations."
        )
