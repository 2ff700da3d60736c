"""A face that is drawn and blinks by a script: the film that Chromium's fake camera plays in the tests of the tracker.

Nobody's video is needed, and how often it blinks is known. The film has two parts, told apart by the head: at `REST`
the head is tilted and nothing happens, `UPRIGHT` it is straight and the script runs. The camera plays the film over and
over; a test begins to record in a rest and ends in one, so it meets each blink between exactly once, however much the
camera's clock drifts on a busy machine.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw

RATE_HZ: Final = 30
WIDTH_PX: Final = 640
HEIGHT_PX: Final = 480
REST_ROLL_DEG: Final = 14.0

_SCALE: Final = 2  # drawn larger and made smaller, which smooths the edges
_LID_STEPS: Final = 12
_SWAY_STEPS: Final = 6
_SWAY_PX: Final = 5
_CLOSING_S: Final = 0.1
_OPENING_S: Final = 0.16

_SKIN: Final = (224, 180, 150)
_SHADE: Final = (196, 148, 120)
_LID: Final = (206, 160, 132)
_HAIR: Final = (62, 44, 34)
_LINE: Final = (86, 56, 46)


@dataclass(frozen=True, slots=True)
class Film:
    """What the camera plays.

    Parameters
    ----------
    blinks_s : sequence of (onset, length)
        Closures in seconds of the upright part; the length goes from the first to the last frame with moving lids.
    upright_s : float
        Length of the part with the script.
    rest_s : float
        Length of the tilted part after it.
    """

    blinks_s: Sequence[tuple[float, float]]
    upright_s: float
    rest_s: float

    def closure_at(self, t_s: float) -> float:
        """How far the lids are down at a time: 0 open, 1 closed."""
        for onset_s, length_s in self.blinks_s:
            into_s, left_s = t_s - onset_s, onset_s + length_s - t_s
            if into_s >= 0 and left_s >= 0:
                return max(0.0, min(1.0, into_s / _CLOSING_S, left_s / _OPENING_S))
        return 0.0

    def write(self, path: Path) -> None:
        """Write the film as one JPEG after the other, which is what the fake camera reads."""
        kept: dict[tuple[int, int, bool], bytes] = {}
        with path.open("wb") as sink:
            for frame in range(round((self.upright_s + self.rest_s) * RATE_HZ)):
                t_s = frame / RATE_HZ
                lids = round(self.closure_at(t_s) * _LID_STEPS)
                sway = round(math.sin(t_s * 1.3) * _SWAY_STEPS)
                key = (lids, sway, t_s >= self.upright_s)
                if key not in kept:
                    kept[key] = _jpeg(draw_face(lids / _LID_STEPS, sway * _SWAY_PX / _SWAY_STEPS, is_tilted=key[2]))
                sink.write(kept[key])


def draw_face(closure: float, sway_px: float, *, is_tilted: bool) -> Image.Image:
    """One picture of the face, `closure` of the way from open to closed lids."""
    image = Image.new("RGB", (WIDTH_PX * _SCALE, HEIGHT_PX * _SCALE), (150, 162, 170))
    draw = ImageDraw.Draw(image)
    x, y = WIDTH_PX / 2 + sway_px, 245.0
    _ellipse(draw, x, y - 22, 138, 182, _HAIR)
    _ellipse(draw, x, y + 190, 60, 70, _SHADE)
    for side in (-1, 1):
        _ellipse(draw, x + side * 124, y + 8, 16, 32, _SHADE)
    _ellipse(draw, x, y + 8, 118, 158, _SKIN)
    _ellipse(draw, x, y - 122, 96, 36, _HAIR)
    for side in (-1, 1):
        _eye(draw, x + side * 50, y - 22, closure)
        _ellipse(draw, x + side * 50, y - 56, 33, 7, _HAIR)
    _nose_and_mouth(draw, x, y)
    if is_tilted:
        image = image.rotate(REST_ROLL_DEG, Image.Resampling.BILINEAR, fillcolor=(150, 162, 170))
    return image.resize((WIDTH_PX, HEIGHT_PX), Image.Resampling.LANCZOS)


def _eye(draw: ImageDraw.ImageDraw, x: float, y: float, closure: float) -> None:
    half_width, half_height = 30.0, 13.0
    _ellipse(draw, x, y - 3, half_width + 6, half_height + 8, _SHADE)
    _ellipse(draw, x, y, half_width, half_height, (236, 232, 226))
    _ellipse(draw, x, y, 9.5, 9.5, (92, 64, 40))
    _ellipse(draw, x, y, 4.5, 4.5, (14, 10, 8))
    _ellipse(draw, x + 3, y - 3, 1.6, 1.6, (240, 240, 240))
    # The upper lid covers what lies above an arc that falls from the upper edge of the eye to a little above the lower.
    steps = [index / 20 for index in range(21)]
    arc = []
    for step in steps:
        bow = math.sqrt(max(0.0, 1 - (2 * step - 1) ** 2))
        arc.append((x + (2 * step - 1) * half_width, y + bow * half_height * (-1 + 1.85 * closure)))
    upper = [
        (x + (2 * step - 1) * (half_width + 2), y - 14 * math.sqrt(max(0.0, 1.1 - (2 * step - 1) ** 2)))
        for step in steps
    ]
    draw.polygon([_scaled(point) for point in [*arc, *reversed(upper)]], fill=_LID)
    draw.line([_scaled(point) for point in arc], fill=_LINE, width=3 * _SCALE)
    lower = [(x + (2 * s - 1) * half_width, y + half_height * math.sqrt(max(0.0, 1 - (2 * s - 1) ** 2))) for s in steps]
    draw.line([_scaled(point) for point in lower], fill=_SHADE, width=_SCALE)


def _nose_and_mouth(draw: ImageDraw.ImageDraw, x: float, y: float) -> None:
    nose = [(x - 10, y - 14), (x - 20, y + 46), (x, y + 56), (x + 20, y + 46), (x + 10, y - 14)]
    draw.polygon([_scaled(point) for point in nose], fill=(214, 168, 138))
    _ellipse(draw, x, y + 46, 17, 12, (214, 168, 138))
    for side in (-1, 1):
        _ellipse(draw, x + side * 11, y + 52, 5, 3.5, _LINE)
    _ellipse(draw, x, y + 96, 40, 11, (176, 88, 84))
    draw.line([_scaled((x - 40, y + 96)), _scaled((x + 40, y + 96))], fill=(120, 52, 52), width=2 * _SCALE)


def _ellipse(
    draw: ImageDraw.ImageDraw, x: float, y: float, half_width: float, half_height: float, fill: tuple[int, int, int]
) -> None:
    draw.ellipse([*_scaled((x - half_width, y - half_height)), *_scaled((x + half_width, y + half_height))], fill=fill)


def _scaled(point: tuple[float, float]) -> tuple[float, float]:
    return point[0] * _SCALE, point[1] * _SCALE


def _jpeg(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()
