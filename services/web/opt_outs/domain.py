"""The body that the form of an opt-out makes."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from services.web.layout.ends import end_of


def opt_out(fields: Mapping[str, str], now: datetime) -> Mapping[str, Any]:
    """The body of `POST /opt-outs`."""
    return {
        "rule_ids": [fields["rule_id"]] if fields.get("rule_id") else [],
        "below": fields.get("below") or None,
        "ends_at": end_of(fields, now),
    }
