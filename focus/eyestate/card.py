"""The card of a release: a page of what its manifest says. `flask model card` prints it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import Any, Final

from focus.eyestate.artifact import Manifest

_ORIGINS: Final = (
    ("irf_*", "r-zemblys/irf (lookAtPoint_EL), 1000 Hz, labelled by hand", "MIT"),
    ("hmr_*", "HMR in elmadjian/OEMC, 200 Hz, head-mounted and uncalibrated", "MIT"),
)
"""Data sets that releases of FOCUS are trained on, by the names of their files."""


@dataclass(frozen=True, slots=True)
class CardSection:
    """A heading, a sentence or none, and a table with or without heads."""

    title: str
    heads: tuple[str, ...]
    rows: Sequence[tuple[object, ...]]
    text: str = ""


INTENDED_USE: Final = (
    "Frames of an eye tracker or camera at 5 to 1000 Hz with gaze, eye openness or pupil, of adults at a screen, for"
    " research and for one's own information. Not for diagnosis, for safety, or for judging a person."
)


def card_sections(manifest: Manifest) -> list[CardSection]:
    """What the manifest of a release says, in the order of the card."""
    training = manifest.training
    made_with = ", ".join(f"{name} {version}" for name, version in sorted(manifest.versions.items()))
    facts = (
        ("made", manifest.created),
        ("tells apart", ", ".join(manifest.classes)),
        ("features", f"{len(manifest.features)}, by signal: {_families(manifest.features)}"),
        ("trained on", f"{training.get('rows', 0):,} frames of {training.get('people', 0)} people"),
        ("made with", made_with),
        ("model, SHA-256", manifest.model_sha256),
        ("feature names, SHA-256", manifest.features_sha256),
        ("training rows, SHA-256", training.get("rows_sha256", "not stated")),
    )
    held_out = "Whole people of the sources above. They decided when training stopped, which flatters it a little."
    return [
        CardSection("Release", ("", ""), facts),
        CardSection("Training data", ("source", "how much", "weight", "licence"), _sources(manifest)),
        CardSection("Agreement on people held out", ("measure", "value"), _results(manifest), held_out),
        CardSection("Parameters", ("parameter", "value"), _parameters(manifest.parameters)),
    ]


def model_card(manifest: Manifest) -> str:
    """The card of a release, as Markdown."""
    lines = [
        f"# Model card: {manifest.name}",
        "",
        f"Written by `flask model card {manifest.name}` from the release's manifest. How well it agrees with",
        "people, and when not to use it, is in [model.md](model.md).",
        "",
    ]
    for section in card_sections(manifest):
        table = (section.heads, tuple("---" for _ in section.heads), *section.rows)
        rows = ["| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in table]
        lines += [f"## {section.title}", "", *([section.text, ""] if section.text else []), *rows, ""]
    return "\n".join([*lines, "## Intended use", "", INTENDED_USE]) + "\n"


def _families(names: Iterable[str]) -> str:
    counts = Counter(name.split("_")[0] for name in names)
    return ", ".join(f"{family} {count}" for family, count in sorted(counts.items()))


def _sources(manifest: Manifest) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for kind, section in sorted(manifest.parameters.get("simulated", {}).items()):
        how_much = f"{section['people']} people, {section['minutes']:g} min each"
        rare = {"with rarer traits": section.get("traits_ratio", 0), "with glasses": section.get("glasses_ratio", 0)}
        how_much += "".join(f", {ratio:.0%} {words}" for words, ratio in rare.items() if ratio)
        rows.append((f"simulated people before a {kind} tracker", how_much, f"{section['weight']:g}", "own"))
    files = list(manifest.training.get("files", {}))
    for section in manifest.parameters.get("recorded", ()):
        matching = [name for name in files if fnmatch(name, section["files"])]
        origin, licence = _origin(section["files"])
        if matching:
            rows.append((origin, f"{len(matching)} files", f"{section['weight']:g}", licence))
        files = [name for name in files if name not in matching]
    rows += [(f"`{name}`", "1 file", "", "not stated") for name in files]
    return rows


def _origin(pattern: str) -> tuple[str, str]:
    for prefix, origin, licence in _ORIGINS:
        if fnmatch(pattern, prefix):
            return origin, licence
    return f"`{pattern}`", "not stated"


def _parameters(parameters: Mapping[str, Any]) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for name, value in sorted(parameters.items()):
        if name in ("simulated", "recorded"):
            continue
        if isinstance(value, Mapping):
            rows += [(f"{name}.{key}", each) for key, each in sorted(value.items())]
        else:
            rows.append((name, value))
    return rows


def _results(manifest: Manifest) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for name, value in sorted(manifest.results.get("held_out", {}).items()):
        if isinstance(value, Mapping):
            rows += [(f"{name}, {key}", _number(each)) for key, each in sorted(value.items())]
        else:
            rows.append((name.replace("_", " "), _number(value)))
    return rows


def _number(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)
