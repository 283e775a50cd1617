"""Content negotiation by `Accept`, as RFC 9110, 12.5.1, describes it."""

from collections.abc import Iterator, Sequence
from urllib.request import parse_http_list

from starlette.requests import Request

JSON, CSV = "application/json", "text/csv"


def preferred(accept: str, offered: Sequence[str]) -> str:
    """The media type of `offered` that the client prefers; the first one if it prefers none or accepts none.

    Whoever accepts nothing of what there is gets the default, as if it had sent no `Accept`: RFC 9110 leaves
    that choice to the server, and every other route of the API makes it, too.
    """
    ranges = list(_ranges(accept))
    qualities = {media_type: _quality(media_type, ranges) for media_type in offered}
    best = max(offered, key=lambda media_type: qualities[media_type])  # of equals, the first
    return best if qualities[best] > 0 else offered[0]


def wants_csv(request: Request) -> bool:
    return preferred(", ".join(request.headers.getlist("Accept")), (JSON, CSV)) == CSV


def _quality(media_type: str, ranges: Sequence[tuple[str, float]]) -> float:
    """The quality of the most specific range that covers the type: `text/csv`, then `text/*`, then `*/*`."""
    for covering in (media_type, media_type.partition("/")[0] + "/*", "*/*"):
        found = [quality for covered, quality in ranges if covered == covering]
        if found:
            return max(found)
    return 0.0


def _ranges(accept: str) -> Iterator[tuple[str, float]]:
    """The media ranges with their qualities, without other parameters. What is no range is passed over."""
    for item in parse_http_list(accept):
        media_range, *parameters = (part.strip().lower() for part in item.split(";"))
        weights = [part[2:] for part in parameters if part.startswith("q=")]
        try:
            quality = float(weights[0]) if weights else 1.0
        except ValueError:
            continue
        if 0 <= quality <= 1:
            yield media_range, quality
