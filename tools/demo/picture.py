"""Draws the map: the baseline as a cloud, the monitored samples in order, anomalies ringed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

INK, SOFT, FAINT, PAPER = "#17212b", "#5c6a78", "#dfe5ea", "#ffffff"
CLOUD = "#aeb8c2"
# From early to late, readable in grey and by the colour-blind; the light end still shows on white.
ORDER_COLOURS = LinearSegmentedColormap.from_list("order", ["#7bd0d8", "#2f8fb5", "#31549b", "#3a1f6b"])
MIDDLE = "#3173a8"
SEVERITY_COLOURS = {"low": "#f0b429", "medium": "#f2802c", "high": "#dd3b3b", "critical": "#8f0f3f"}
SEVERITY_RINGS = {"low": 40.0, "medium": 52.0, "high": 66.0, "critical": 82.0}
MANY = 400
# Up to so many anomalies the rings have their full size; more of them are drawn smaller, to stay apart.
RINGS_AT_FULL_SIZE, MIN_RING_SCALE = 150, 0.6
# Where the worst sample is further out than this, a linear scale would press everything else flat.
LINEAR_RATIO = 15.0
INCHES = (11.6, 9.0)
DOTS_PER_INCH = 160


@dataclass(frozen=True)
class MapData:
    """The data to draw. Points are those of `GET /analyses/{id}/points`; severity is by sample index."""

    title: str
    baseline: Mapping[str, Sequence[Any]]
    monitoring: Mapping[str, Sequence[Any]]
    severity: Mapping[int, str]
    threshold: float


def draw_map(data: MapData, path: Path) -> None:
    """Write the picture in the format of the path's suffix."""
    with matplotlib.rc_context(
        {"font.family": ["DejaVu Sans"], "text.color": INK, "axes.edgecolor": FAINT, "font.size": 10}
    ):
        figure = Figure(figsize=INCHES, dpi=DOTS_PER_INCH, facecolor=PAPER)
        rows = figure.add_gridspec(
            2, 1, height_ratios=(3.4, 1.0), left=0.065, right=0.87, top=0.865, bottom=0.08, hspace=0.2
        )
        map_axes, strip_axes = figure.add_subplot(rows[0]), figure.add_subplot(rows[1])
        monitored = _draw_points(map_axes, data)
        _draw_strip(strip_axes, data)
        _head(figure, data)
        _order_bar(figure, map_axes, monitored)
        figure.savefig(path)


def _draw_points(axes: Axes, data: MapData) -> PathCollection:
    baseline, monitoring = data.baseline, data.monitoring
    axes.scatter(baseline["x"], baseline["y"], s=20, color=CLOUD, alpha=0.45, linewidths=0, zorder=1)
    points = axes.scatter(
        monitoring["x"],
        monitoring["y"],
        s=17 if len(monitoring["x"]) < MANY else 11,
        c=list(range(len(monitoring["x"]))),
        cmap=ORDER_COLOURS,
        linewidths=0,
        # On top of the rings, so that the order stays readable where anomalies crowd.
        zorder=3,
    )
    size = min(1.0, max(MIN_RING_SCALE, RINGS_AT_FULL_SIZE / max(1, len(data.severity))))
    for name, colour in SEVERITY_COLOURS.items():
        places = [
            (x, y)
            for x, y, index in zip(monitoring["x"], monitoring["y"], monitoring["index"], strict=True)
            if data.severity.get(index) == name
        ]
        if places:
            axes.scatter(
                [x for x, _ in places],
                [y for _, y in places],
                s=SEVERITY_RINGS[name] * size,
                facecolors="none",
                edgecolors=colour,
                linewidths=1.1,
                alpha=0.8,
                zorder=2,
            )
    axes.set_aspect("equal", adjustable="datalim")
    axes.margins(0.06)
    # The map's axes have no unit: only distances on it mean something.
    axes.set_xticks([])
    axes.set_yticks([])
    _frame(axes, visible=("left", "right", "top", "bottom"))
    axes.legend(
        handles=_legend(data), loc="best", frameon=True, facecolor=PAPER, edgecolor=FAINT, framealpha=0.92
    )
    return points


def _legend(data: MapData) -> list[Line2D]:
    def dot(label: str, colour: str, **options: Any) -> Line2D:
        return Line2D([], [], marker="o", linestyle="", color=colour, label=label, **options)

    counts = {name: list(data.severity.values()).count(name) for name in SEVERITY_COLOURS}
    rings = [
        dot(
            f"{name} ({counts[name]:,})",
            colour,
            markerfacecolor="none",
            markersize=SEVERITY_RINGS[name] ** 0.5,
            markeredgewidth=1.3,
        )
        for name, colour in SEVERITY_COLOURS.items()
        if counts[name]
    ]
    clouds = [
        dot(f"baseline ({len(data.baseline['x']):,})", CLOUD, markersize=6, alpha=0.8),
        dot(f"monitored ({len(data.monitoring['x']):,})", MIDDLE, markersize=6),
    ]
    return [*clouds, *rings]


def _draw_strip(axes: Axes, data: MapData) -> None:
    index = list(data.monitoring["index"])
    ratio = [
        None if distance is None else distance / data.threshold for distance in data.monitoring["distance"]
    ]
    known = [(i, value) for i, value in zip(index, ratio, strict=True) if value is not None]
    axes.vlines([i for i, _ in known], 0, [value for _, value in known], color=FAINT, linewidth=0.7, zorder=1)
    axes.scatter(
        [i for i, _ in known],
        [value for _, value in known],
        s=9,
        c=[SEVERITY_COLOURS.get(data.severity.get(i, ""), SOFT) for i, _ in known],
        linewidths=0,
        zorder=2,
    )
    axes.axhline(1.0, color=INK, linewidth=1.1, zorder=3)
    axes.set_xlim(index[0] - 0.5, index[-1] + 0.5)
    largest = max((value for _, value in known), default=1.0)
    axes.set_ylim(0, max(1.6, 1.08 * largest))
    if largest > LINEAR_RATIO:
        axes.set_yscale("log")
        axes.set_ylim(min((value for _, value in known if value > 0), default=0.1) * 0.8, largest * 1.3)
    axes.annotate(
        f"threshold {data.threshold:.3g}",
        (1.0, 1.0),
        xycoords=("axes fraction", "data"),
        xytext=(6, 0),
        textcoords="offset points",
        va="center",
        color=INK,
        fontsize=9,
    )
    axes.set_xlabel("monitored sample, in order", color=SOFT)
    axes.set_ylabel("distance / threshold", color=SOFT)
    axes.tick_params(colors=SOFT, length=0, labelsize=9)
    _frame(axes, visible=("bottom",))


def _head(figure: Figure, data: MapData) -> None:
    figure.text(0.065, 0.945, data.title, fontsize=17, fontweight="bold")
    share = len(data.severity) / max(1, len(data.monitoring["x"]))
    caption = (
        f"{len(data.severity):,} of {len(data.monitoring['x']):,} monitored samples lie outside normal"
        f" ({share:.0%})"
    )
    if data.severity:
        caption += f"; the first is sample {min(data.severity):,}"
    figure.text(0.065, 0.905, caption, fontsize=11, color=SOFT)


def _order_bar(figure: Figure, axes: Axes, points: PathCollection) -> None:
    box = axes.get_position()
    bar = figure.colorbar(points, cax=figure.add_axes((0.895, box.y0 + 0.06, 0.014, box.height - 0.12)))
    bar.outline.set_visible(False)
    bar.set_ticks([])
    bar.ax.set_title("last", fontsize=9, color=SOFT, pad=6)
    bar.ax.set_xlabel("first", fontsize=9, color=SOFT, labelpad=6)
    bar.ax.set_ylabel("order of monitored samples", fontsize=9, color=SOFT, rotation=270, labelpad=16)


def _frame(axes: Axes, *, visible: tuple[str, ...]) -> None:
    for side in ("left", "right", "top", "bottom"):
        axes.spines[side].set_visible(side in visible)
        axes.spines[side].set_color(FAINT)
