"""Formats of the OpenAPI document, and extreme times. Schemathesis loads this module by name."""

import base64
import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from itertools import product
from typing import Any
from uuid import UUID

import schemathesis
from email_validator import EmailNotValidError, validate_email
from hypothesis import strategies as st

from services.analysis.fleet.domain import FleetPosition
from services.analysis.fleet.schemas import encode_position
from shared.http.pages import ORGANIZATION_HEADER, Cursor, bind
from tests.isolation.bodies import payload
from tests.isolation.operations import operations, resolved

# The limits of the calendar: any shift by a time zone or a duration exceeds them.
EDGES = [
    edge.replace(tzinfo=timezone(timedelta(hours=hours)))
    for edge in (datetime.min, datetime.max)
    for hours in (-14, 0, 14)
]
TIMES = st.datetimes(timezones=st.integers(-14, 14).map(lambda hours: timezone(timedelta(hours=hours))))
CURSORS = st.builds(Cursor, TIMES, st.builds(UUID, int=st.integers(0, 2**128 - 1))).map(Cursor.encode)
FLEET_CURSORS = st.builds(
    encode_position,
    st.builds(
        FleetPosition,
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(st.characters(codec="utf-8"), max_size=50),
        st.builds(UUID, int=st.integers(0, 2**128 - 1)),
    ),
)
WRITTEN: dict[str, Callable[[datetime], str]] = {
    "date-time": datetime.isoformat,
    "date": lambda time: time.date().isoformat(),
    "cursor": lambda time: Cursor(time, UUID(int=0)).encode(),
}


def _deliverable(address: str) -> bool:
    """Domains such as `.test` are reserved, so no account has an address there."""
    try:
        return bool(validate_email(address, check_deliverability=False, globally_deliverable=False))
    except EmailNotValidError:
        return False


schemathesis.openapi.format("cursor", CURSORS | FLEET_CURSORS)
schemathesis.openapi.format("date-time", TIMES.map(datetime.isoformat))
schemathesis.openapi.format("email", st.emails().filter(_deliverable))


@schemathesis.hook
def before_add_examples(context: schemathesis.HookContext, examples: list["schemathesis.Case[Any]"]) -> None:
    """Add times at the limits of the calendar wherever one is read: chance rarely finds them.

    In a query each alone, and all together, for the length of a period is computed, too.
    """
    operation: Any = context.operation
    path = {each.name: str(UUID(int=0)) for each in operation.path_parameters}
    places = {each.name: WRITTEN.get(each.definition["schema"].get("format", "")) for each in operation.query}
    times = {name: write for name, write in places.items() if write is not None}
    queries = [{name: write(at)} for name, write in times.items() for at in EDGES]
    if len(times) > 1:
        together = product((EDGES[0], EDGES[-1]), repeat=len(times))
        queries += [
            {name: write(at) for (name, write), at in zip(times.items(), edges, strict=True)}
            for edges in together
        ]
    examples += [operation.Case(path_parameters=path, query=query) for query in queries]
    examples += [
        operation.Case(path_parameters=path, body=body, media_type="application/json")
        for body in bodies(operation)
    ]


def bodies(operation: Any) -> Iterator[dict[str, Any]]:
    """A valid body of the operation with each of its times at each limit."""
    document = operation.schema.raw_schema
    [ours] = [each for each in operations(document) if each.id == operation.definition.raw["operationId"]]
    if ours.media_type != "application/json" or ours.body is None:
        return
    sample = payload(document, ours, defaultdict(lambda: str(UUID(int=0)))).json
    properties = resolved(document, ours.body).get("properties", {})
    for name, schema in properties.items():
        formats = {each.get("format") for each in (schema, *schema.get("anyOf", ()))}
        if "date-time" in formats:
            for at in EDGES:
                yield {**sample, name: at.isoformat()}


@schemathesis.hook
def before_call(_context: object, case: "schemathesis.Case[Any]", kwargs: dict[str, Any]) -> None:
    """The document allows a token or an API key. The caller has a token, and both together are refused.

    A position becomes a cursor of the list that is asked, so that it is read there. The caller's own session,
    whose id the list of sessions tells, is not ended: nothing would be allowed afterwards.
    """
    case.headers.pop("X-API-Key", None)
    given = {**dict(kwargs.get("headers") or {}), **dict(case.headers)}
    headers = {name.lower(): value for name, value in given.items()}
    session_id = (case.path_parameters or {}).get("session_id")
    if session_id and session_id == _own_session(headers.get("authorization", "")):
        case.path_parameters["session_id"] = str(UUID(int=0))
    position = (case.query or {}).get("cursor")
    if isinstance(position, str):
        organization = headers.get(ORGANIZATION_HEADER.lower())
        pairs = [(name, value) for name, value in case.query.items() if isinstance(value, str)]
        case.query["cursor"] = bind(position, case.formatted_path, pairs, organization)


def _own_session(authorization: str) -> str | None:
    """The id of the session that a token belongs to; None if it is no token."""
    try:
        claims = base64.urlsafe_b64decode(authorization.split(".")[1] + "==")
        return str(json.loads(claims)["sid"])
    except (IndexError, KeyError, TypeError, ValueError):
        return None
