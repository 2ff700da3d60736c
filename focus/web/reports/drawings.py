"""Charts as SVG text for the report that is saved as a file, which has no script. Pure; knows no Flask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from markupsafe import Markup

WIDTH: Final = 720
HEIGHT: Final = 220
_LEFT, _TOP, _BOTTOM = 44, 12, 26


def blink_rate_svg(rates: Sequence[Mapping[str, Any]]) -> Markup:
    """Blink rate over the recording: a line through the groups, and the band of their intervals."""
    known = [rate for rate in rates if rate["value"] is not None]
    if not known:
        return Markup("")
    first_us, stop_us = rates[0]["start_us"], rates[-1]["stop_us"]
    most = max(rate["high"] for rate in known) * 1.05 or 1.0

    def x(rate: Mapping[str, Any]) -> float:
        middle_us = (rate["start_us"] + rate["stop_us"]) / 2
        return float(round(_LEFT + (WIDTH - _LEFT - 8) * (middle_us - first_us) / (stop_us - first_us), 1))

    def y(value: float) -> float:
        return round(_TOP + (HEIGHT - _TOP - _BOTTOM) * (1 - value / most), 1)

    band = [(x(rate), y(rate["high"])) for rate in known] + [(x(rate), y(rate["low"])) for rate in reversed(known)]
    line = [(x(rate), y(rate["value"])) for rate in known]
    whiskers = Markup("").join(
        Markup('<path class="line" d="M{x} {top}V{foot}M{left} {top}h12M{left} {foot}h12"/>').format(
            x=x(rate), left=x(rate) - 6, top=y(rate["high"]), foot=y(rate["low"])
        )
        for rate in (known if len(known) == 1 else ())
    )
    dots = Markup("").join(Markup('<circle cx="{}" cy="{}" r="3"/>').format(*point) for point in line)
    marks = [most / 1.05 * part for part in (0, 0.5, 1)]
    lines = Markup("").join(
        Markup('<path class="grid" d="M{} {}H{}"/><text x="{}" y="{}" text-anchor="end">{}</text>').format(
            _LEFT, y(mark), WIDTH - 8, _LEFT - 6, y(mark) + 4, f"{mark:.3g}"
        )
        for mark in marks
    )
    end_min = (stop_us - first_us) / 60e6
    return Markup(
        '<svg viewBox="0 0 {wide} {tall}" role="img" aria-label="Blink rate over time, with its interval">{lines}'
        '<polygon class="band" points="{band}"/><polyline class="line" points="{line}"/>{whiskers}'
        '<g class="dots">{dots}</g>'
        '<text x="{left}" y="{foot}">0 min</text><text x="{right}" y="{foot}" text-anchor="end">{end} min</text></svg>'
    ).format(
        wide=WIDTH,
        tall=HEIGHT,
        lines=lines,
        band=_points(band),
        line=_points(line),
        dots=dots,
        whiskers=whiskers,
        left=_LEFT,
        right=WIDTH - 8,
        foot=HEIGHT - 6,
        end=f"{end_min:.3g}",
    )


def gaze_map_svg(found: Mapping[str, Any], aspect: float) -> Markup:
    """Where the eyes rested: each cell of the map as dark as the time that was spent in it."""
    columns, rows, cells_ms = found["columns"], found["rows"], found["cells_ms"]
    most = max(cells_ms)
    if not most:
        return Markup("")
    height = round(WIDTH / aspect)
    wide, tall = WIDTH / columns, height / rows
    cells = Markup("").join(
        Markup('<rect x="{}" y="{}" width="{}" height="{}" opacity="{}"/>').format(
            f"{at % columns * wide:.1f}", f"{at // columns * tall:.1f}", f"{wide:.2f}", f"{tall:.2f}",
            f"{0.12 + 0.88 * (ms / most) ** 0.5:.2f}",
        )
        for at, ms in enumerate(cells_ms)
        if ms
    )  # fmt: skip
    return Markup(
        '<svg viewBox="0 0 {} {}" role="img" aria-label="Where the eyes rested">'
        '<rect class="screen" width="{}" height="{}"/><g class="cells">{}</g></svg>'
    ).format(WIDTH, height, WIDTH, height, cells)


def _points(places: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x},{y}" for x, y in places)
