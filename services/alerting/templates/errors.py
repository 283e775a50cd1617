"""Errors of rule templates."""

from uuid import UUID

from shared.errors import Conflict, NotFound


class TemplateNotFound(NotFound):
    def __init__(self, template_id: UUID) -> None:
        super().__init__(
            f"Rule template {template_id} does not exist in your organization. List its templates with"
            " GET /rule-templates.",
            extra={"code": "rule_template_not_found", "params": {"template_id": template_id}},
        )


class TooManyTemplates(Conflict):
    def __init__(self, limit: int) -> None:
        super().__init__(
            f"Your organization has {limit} rule templates, which is the maximum. Delete one first.",
            extra={"code": "too_many_rule_templates", "params": {"limit": limit}},
        )
