"""Small plots as SVG text: lines, and horizontal bars; on a white ground, so that dark pages show them too."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 640, 360
LEFT, RIGHT, TOP, BOTTOM = 64, 190, 40, 52
COLOURS = ("#0f766e", "#b45309", "#4338ca", "#be123c", "#4d7c0f", "#0369a1", "#7c3aed")
_STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#3f3f46}.title{font-size:14px;font-weight:600}"
    ".axis{stroke:#a1a1aa}.grid{stroke:#e4e4e7}rect.page{fill:#fff}"
)


@dataclass(frozen=True, slots=True)
class Line:
    """A named line; `band` is (low, high) around each point or None."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    band: Sequence[tuple[float, float]] | None = None
    is_dashed: bool = False


def line_chart(
    title: str,
    lines: Sequence[Line],
    *,
    x_label: str,
    y_label: str,
    y_range: tuple[float, float],
    x_ticks: Sequence[float] | None = None,
    is_log_x: bool = False,
) -> str:
    """Lines with points over a common axis; `is_log_x` spaces x by its logarithm."""
    every_x = [x for line in lines for x in line.x]
    place = math.log10 if is_log_x else float
    low_x, high_x = place(min(every_x)), place(max(every_x))
    low_y, high_y = y_range

    def at_x(x: float) -> float:
        return LEFT + (place(x) - low_x) / ((high_x - low_x) or 1) * (WIDTH - LEFT - RIGHT)

    def at_y(y: float) -> float:
        return HEIGHT - BOTTOM - (min(max(y, low_y), high_y) - low_y) / (high_y - low_y) * (HEIGHT - TOP - BOTTOM)

    parts = [_text(LEFT, 22, title, "title")]
    for step in range(6):
        y = low_y + step * (high_y - low_y) / 5
        parts.append(f'<path class="grid" d="M{LEFT} {at_y(y):.1f}H{WIDTH - RIGHT}"/>')
        parts.append(_text(LEFT - 8, at_y(y) + 4, f"{y:.2f}", anchor="end"))
    ticks = x_ticks or sorted(set(every_x))
    parts += [_text(at_x(x), HEIGHT - BOTTOM + 18, f"{x:g}", anchor="middle") for x in ticks]
    parts.append(f'<path class="axis" fill="none" d="M{LEFT} {TOP}V{HEIGHT - BOTTOM}H{WIDTH - RIGHT}"/>')
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, x_label, anchor="middle"))
    parts.append(
        f'<text transform="translate(16 {(TOP + HEIGHT - BOTTOM) / 2:.0f}) rotate(-90)" text-anchor="middle">'
        f"{escape(y_label)}</text>"
    )
    for number, line in enumerate(lines):
        colour = COLOURS[number % len(COLOURS)] if not line.is_dashed else "#71717a"
        points = [(at_x(x), at_y(y)) for x, y in zip(line.x, line.y, strict=True)]
        if line.band is not None:
            above = [f"{px:.1f} {at_y(high):.1f}" for (px, _), (_, high) in zip(points, line.band, strict=True)]
            below = [f"{px:.1f} {at_y(low):.1f}" for (px, _), (low, _) in zip(points, line.band, strict=True)]
            parts.append(f'<path fill="{colour}" fill-opacity="0.12" d="M{"L".join([*above, *below[::-1]])}Z"/>')
        dash = ' stroke-dasharray="4 4"' if line.is_dashed else ""
        path = "L".join(f"{px:.1f} {py:.1f}" for px, py in points)
        parts.append(f'<path fill="none" stroke="{colour}" stroke-width="2"{dash} d="M{path}"/>')
        if not line.is_dashed:
            parts += [f'<circle cx="{px:.1f}" cy="{py:.1f}" r="3" fill="{colour}"/>' for px, py in points]
        key_y = TOP + 10 + 20 * number
        parts.append(f'<path stroke="{colour}" stroke-width="3"{dash} d="M{WIDTH - RIGHT + 14} {key_y}h18"/>')
        parts.append(_text(WIDTH - RIGHT + 38, key_y + 4, line.name))
    return _page(parts, HEIGHT, title)


def bar_chart(title: str, bars: Sequence[tuple[str, float]], *, x_label: str, digits: int = 3) -> str:
    """Horizontal bars from zero, in the order given; negative ones go to the left."""
    left, row = 250, 20
    height = TOP + row * len(bars) + 40
    low, high = min(0.0, *(value for _, value in bars)), max(0.0, *(value for _, value in bars))
    scale = (WIDTH - left - 70) / ((high - low) or 1)
    zero = left - low * scale
    parts = [_text(16, 22, title, "title")]
    for number, (name, value) in enumerate(bars):
        y = TOP + row * number
        start, width = (zero, value * scale) if value >= 0 else (zero + value * scale, -value * scale)
        parts.append(_text(left - 10, y + 13, name, anchor="end"))
        parts.append(f'<rect x="{start:.1f}" y="{y + 3}" width="{width:.1f}" height="13" fill="{COLOURS[0]}"/>')
        parts.append(_text(max(zero, start + width) + 6, y + 13, f"{value:.{digits}f}"))
    parts.append(f'<path class="axis" d="M{zero:.1f} {TOP}V{height - 36}"/>')
    parts.append(_text((left + WIDTH - 70) / 2, height - 12, x_label, anchor="middle"))
    return _page(parts, height, title)


def _text(x: float, y: float, words: str, kind: str = "", *, anchor: str = "start") -> str:
    name = f' class="{kind}"' if kind else ""
    return f'<text{name} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def _page(parts: Sequence[str], height: float, title: str) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" role="img"'
        f' aria-label="{escape(title)}"><style>{_STYLE}</style><rect class="page" width="100%" height="100%" rx="8"/>'
    )
    return head + "\n" + "\n".join(parts) + "\n</svg>\n"
