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
# Quick, so that the lids are down for a third of a second: three frames, even if a busy machine takes but ten a second.
_CLOSING_S: Final = 0.07
_OPENING_S: Final = 0.1

_IRIS_X_PX: Final = 11.0  # from the middle of the screen to its edge
_IRIS_Y_PX: Final = 5.0
_BACKDROP: Final = (150, 162, 170)
_LOOK_STEP_PX: Final = 14.0
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
        Length of the tilted part, with which the film begins; it is played round and round.
    looks : sequence of (x, y)
        Where on the screen the irises are turned, one after the other, each for `look_s`; the whole face stands a
        little further to the right with each, which tells them apart.
    """

    blinks_s: Sequence[tuple[float, float]]
    upright_s: float
    rest_s: float
    looks: Sequence[tuple[float, float]] = ()

    @property
    def look_s(self) -> float:
        return self.upright_s / len(self.looks)

    def look_at(self, t_s: float) -> int | None:
        """Which of the looks it is; None while the film rests or has none."""
        return int(t_s / self.look_s) if self.looks and t_s < self.upright_s else None

    def nose_at(self, look: int) -> float:
        """Where the middle of the face stands during a look, 0..1 of the picture's width."""
        return 0.5 + _LOOK_STEP_PX * (look - (len(self.looks) - 1) / 2) / WIDTH_PX

    def draw(self, closure: float, sway_px: float, look: int | None, *, is_tilted: bool) -> Image.Image:
        """The face of a moment."""
        if look is None:
            return draw_face(closure, sway_px, is_tilted=is_tilted)
        x, y = self.looks[look]
        iris = (2 * _IRIS_X_PX * (x - 0.5), 2 * _IRIS_Y_PX * (y - 0.5))
        return draw_face(closure, (self.nose_at(look) - 0.5) * WIDTH_PX, iris=iris, is_tilted=is_tilted)

    def closure_at(self, t_s: float) -> float:
        """How far the lids are down at a time: 0 open, 1 closed."""
        for onset_s, length_s in self.blinks_s:
            into_s, left_s = t_s - onset_s, onset_s + length_s - t_s
            if into_s >= 0 and left_s >= 0:
                return max(0.0, min(1.0, into_s / _CLOSING_S, left_s / _OPENING_S))
        return 0.0

    def write(self, path: Path) -> None:
        """Write the film as one JPEG after the other, which is what the fake camera reads."""
        kept: dict[tuple[int, int, int | None, bool], bytes] = {}
        with path.open("wb") as sink:
            n_frames = round((self.upright_s + self.rest_s) * RATE_HZ)
            for frame in range(n_frames):
                t_s = (frame + round(self.upright_s * RATE_HZ)) % n_frames / RATE_HZ
                lids = round(self.closure_at(t_s) * _LID_STEPS)
                sway = round(math.sin(t_s * 1.3) * _SWAY_STEPS)
                look, is_tilted = self.look_at(t_s), t_s >= self.upright_s
                key = (lids, sway, look, is_tilted)
                if key not in kept:
                    sway_px = sway * _SWAY_PX / _SWAY_STEPS
                    kept[key] = _jpeg(self.draw(lids / _LID_STEPS, sway_px, look, is_tilted=is_tilted))
                sink.write(kept[key])


BLINKS_S: Final = ((0.9, 0.42), (3.0, 0.4), (5.1, 0.42), (7.2, 0.4))
FILM: Final = Film(BLINKS_S, upright_s=8.5, rest_s=3.5)

LOOK_S: Final = 1.8
LOOKS: Final = (
    *((x, y) for y in (0.1, 0.5, 0.9) for x in (0.1, 0.5, 0.9)),
    *((0.3, 0.3), (0.7, 0.3), (0.5, 0.5), (0.3, 0.7), (0.7, 0.7)),
)
"""The dots of the tracker page's calibration, in their order."""

LOOKS_FILM: Final = Film(
    tuple((LOOK_S * look + 1.25, 0.42) for look in (1, 4, 7, 10, 13)),
    upright_s=LOOK_S * len(LOOKS),
    rest_s=8.0,
    looks=LOOKS,
)
"""Looks at the dots, with a blink at the end of every third look."""


def draw_face(
    closure: float,
    sway_px: float,
    *,
    iris: tuple[float, float] = (0.0, 0.0),
    is_tilted: bool,
) -> Image.Image:
    """One picture of the face, `closure` of the way from open to closed lids, the irises `iris` px off the middle."""
    image = Image.new("RGB", (WIDTH_PX * _SCALE, HEIGHT_PX * _SCALE), _BACKDROP)
    draw = ImageDraw.Draw(image)
    x, y = WIDTH_PX / 2 + sway_px, 245.0
    _ellipse(draw, x, y - 22, 138, 182, _HAIR)
    _ellipse(draw, x, y + 190, 60, 70, _SHADE)
    for side in (-1, 1):
        _ellipse(draw, x + side * 124, y + 8, 16, 32, _SHADE)
    _ellipse(draw, x, y + 8, 118, 158, _SKIN)
    _ellipse(draw, x, y - 122, 96, 36, _HAIR)
    for side in (-1, 1):
        _eye(draw, x + side * 50, y - 22, closure, iris)
        _ellipse(draw, x + side * 50, y - 56, 33, 7, _HAIR)
    _nose_and_mouth(draw, x, y)
    if is_tilted:
        image = image.rotate(REST_ROLL_DEG, Image.Resampling.BILINEAR, fillcolor=_BACKDROP)
    return image.resize((WIDTH_PX, HEIGHT_PX), Image.Resampling.LANCZOS)


def _eye(draw: ImageDraw.ImageDraw, x: float, y: float, closure: float, iris: tuple[float, float]) -> None:
    half_width, half_height = 30.0, 13.0
    _ellipse(draw, x, y - 3, half_width + 6, half_height + 8, _SHADE)
    _ellipse(draw, x, y, half_width, half_height, (236, 232, 226))
    iris_x, iris_y = x + iris[0], y + iris[1]
    _ellipse(draw, iris_x, iris_y, 9.5, 9.5, (92, 64, 40))
    _ellipse(draw, iris_x, iris_y, 4.5, 4.5, (14, 10, 8))
    _ellipse(draw, iris_x + 3, iris_y - 3, 1.6, 1.6, (240, 240, 240))
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
