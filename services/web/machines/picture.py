"""The map as an SVG picture: for print, and for browsers without WebGL2."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from markupsafe import Markup

WIDTH, HEIGHT, MARGIN = 640, 420, 16
MAX_NORMAL, MAX_ANOMALIES = 2_000, 1_000
# The light theme's: a picture is printed, or stands on white.
GROUND, POINT = "#cbd5df", "#5b6570"
COLOURS = ("#0a93b5", "#c08400", "#9e1c0d", "#46075a")

Columns = Mapping[str, Sequence[Any]]


def picture(baseline: Columns | None, run: Columns | None, *, selected: int | None = None) -> Markup:
    """A map of the baseline's samples (`x`, `y`), and of the run's (also `mark`: 0 normal, to 4 critical).

    Of many samples, every n-th is drawn; of anomalies, the worst. Words beside it say what it shows.
    """
    everything = [*_places(baseline), *_places(run)]
    if not everything:
        return Markup("")
    place = _scale([x for _, x, _ in everything], [y for _, _, y in everything])
    parts = [_dots(_thinned(list(_places(baseline)), MAX_NORMAL), place, 4.0, GROUND)]
    if run is not None:
        marks = run["mark"]
        normal = [each for each in _places(run) if not marks[each[0]]]
        worst = sorted((each for each in _places(run) if marks[each[0]]), key=lambda each: marks[each[0]])
        parts.append(_dots(_thinned(normal, MAX_NORMAL), place, 1.6, POINT))
        parts += [_mark(marks[i], *place(x, y)) for i, x, y in worst[-MAX_ANOMALIES:]]
        parts += [
            '<circle cx="{:.1f}" cy="{:.1f}" r="9" fill="none" stroke="#1257c9" stroke-width="2"/>'.format(
                *place(x, y)
            )
            for i, x, y in _places(run)
            if i == selected
        ]
    box = f'xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" aria-hidden="true"'
    return Markup(f"<svg {box}>{''.join(parts)}</svg>")  # noqa: S704 - made of numbers and our own colours


def _places(columns: Columns | None) -> Iterator[tuple[int, float, float]]:
    if columns is not None:
        for i, (x, y) in enumerate(zip(columns["x"], columns["y"], strict=True)):
            if x is not None and y is not None:
                yield i, x, y


def _scale(xs: Sequence[float], ys: Sequence[float]) -> Any:
    left, right, bottom, top = min(xs), max(xs), min(ys), max(ys)
    scale = min(
        (WIDTH - 2 * MARGIN) / max(right - left, 1e-12), (HEIGHT - 2 * MARGIN) / max(top - bottom, 1e-12)
    )
    across, up = (left + right) / 2, (bottom + top) / 2

    def place(x: float, y: float) -> tuple[float, float]:
        return WIDTH / 2 + (x - across) * scale, HEIGHT / 2 - (y - up) * scale

    return place


def _thinned(places: Sequence[tuple[int, float, float]], most: int) -> Sequence[tuple[int, float, float]]:
    return places[:: -(-len(places) // most)] if places else places


def _dots(places: Sequence[tuple[int, float, float]], place: Any, radius: float, colour: str) -> str:
    """One path for all: a stroke of no length with round ends is a dot."""
    steps = "".join("M{:.1f} {:.1f}h0".format(*place(x, y)) for _, x, y in places)
    return f'<path d="{steps}" stroke="{colour}" stroke-width="{2 * radius}" stroke-linecap="round"/>'


def _mark(mark: int, x: float, y: float) -> str:
    shapes = (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4"',
        f'<path d="M{x:.1f} {y - 5:.1f}l5 9h-10z"',
        f'<path d="M{x:.1f} {y - 5:.1f}l5 5-5 5-5-5z"',
        f'<path d="M{x - 4:.1f} {y - 4:.1f}h8v8h-8z"',
    )
    return f'{shapes[mark - 1]} fill="{COLOURS[mark - 1]}" stroke="#fff"/>'
