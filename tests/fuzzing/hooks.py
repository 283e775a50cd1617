"""What the document's own formats look like; Schemathesis loads this by name."""

from datetime import UTC, datetime
from uuid import UUID

import schemathesis
from hypothesis import strategies as st

from shared.http.pages import Cursor

CURSORS = st.builds(
    Cursor,
    st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),
    st.builds(UUID, int=st.integers(0, 2**128 - 1)),
).map(Cursor.encode)

schemathesis.openapi.format("cursor", CURSORS)
