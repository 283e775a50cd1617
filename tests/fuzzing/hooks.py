"""What the document's own formats look like; Schemathesis loads this by name."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import schemathesis
from email_validator import EmailNotValidError, validate_email
from hypothesis import strategies as st

from shared.http.pages import Cursor

CURSORS = st.builds(
    Cursor,
    st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),
    st.builds(UUID, int=st.integers(0, 2**128 - 1)),
).map(Cursor.encode)


def _deliverable(address: str) -> bool:
    """Domains such as `.test` are reserved, and no account has an address there."""
    try:
        return bool(validate_email(address, check_deliverability=False, globally_deliverable=False))
    except EmailNotValidError:
        return False


schemathesis.openapi.format("cursor", CURSORS)
schemathesis.openapi.format("email", st.emails().filter(_deliverable))


@schemathesis.hook
def before_call(_context: object, case: "schemathesis.Case[Any]", _kwargs: object) -> None:
    """The document offers a token or an API key; the caller has a token, and both are refused."""
    case.headers.pop("X-API-Key", None)
