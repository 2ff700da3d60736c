"""docs/model.md and its plots, from docs/model/agreement.json and docs/model/learning.json; and docs/model-card.md.

    python -m benchmarks.model_page

The prose of the page is written by hand; what stands between `<!-- begin NAME -->` and `<!-- end NAME -->` is written
here. The figures themselves are measured by `python -m benchmarks.model_report`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from benchmarks.svg import Line, bar_chart, line_chart
from config import ROOT
from focus.eyestate.artifact import read_manifest
from focus.eyestate.card import model_card
from focus.eyestate.installed import BUNDLED_DIR, shipped_name

PAGE = ROOT / "docs" / "model.md"
CARD = ROOT / "docs" / "model-card.md"
FIGURES = ROOT / "docs" / "model"
CLASSES = ("fixation", "saccade", "pursuit", "blink")
N_FEATURES = 20
IOU = "saccade events F1 (IoU 0.5)"

Figures = Mapping[str, Any]


def main() -> None:
    agreement, learning = read_figures()
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8"), agreement, learning), encoding="utf-8")
    for name, drawing in plots(agreement, learning).items():
        (FIGURES / name).write_text(drawing, encoding="utf-8")
    CARD.write_text(model_card(read_manifest(BUNDLED_DIR / shipped_name())), encoding="utf-8")
    print(f"{PAGE} and its plots show release {agreement['release']}")


def read_figures() -> tuple[Figures, Figures]:
    """What `benchmarks.model_report` has measured."""
    agreement, learning = (json.loads((FIGURES / f"{name}.json").read_text()) for name in ("agreement", "learning"))
    return agreement, learning


def filled(page: str, agreement: Figures, learning: Figures) -> str:
    """The page with every block written anew; KeyError for a block that nobody writes."""

    def written(match: re.Match[str]) -> str:
        name = match.group(1)
        return f"<!-- begin {name} -->\n{BLOCKS[name](agreement, learning)}\n<!-- end {name} -->"

    return re.sub(r"<!-- begin ([a-z-]+) -->\n.*?<!-- end \1 -->", written, page, flags=re.DOTALL)


# -- tables -----------------------------------------------------------------------------------------------------------


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def _value(score: Mapping[str, Any] | None) -> str:
    """A figure with its interval, where there is one."""
    if score is None or score["value"] is None:
        return ""
    interval = "" if score["low"] is None else f" ({score['low']:.2f}-{score['high']:.2f})"
    return f"{score['value']:.3f}{interval}"


def _release(agreement: Figures, learning: Figures) -> str:
    return (
        f"Release **{agreement['release']}** ships; its model file has the SHA-256 `{agreement['model_sha256'][:16]}…`."
    )


def _recordings(agreement: Figures, learning: Figures) -> str:
    rows = [
        (kind, f"{sizes['recordings']:g}", f"{sizes['people']:g}", f"{sizes['minutes']:g}")
        for kind, sizes in agreement["recordings"].items()
    ]
    return _table(("kind", "recordings", "people", "minutes"), rows)


def _targets(agreement: Figures, learning: Figures) -> str:
    rows = []
    for row in agreement["table"]:
        others = ", ".join(f"{name} {score['value']:.2f}" for name, score in row["others"].items())
        if not row["model"]:
            rows.append((row["recordings"], row["measure"], "", "no such recording here", "", others))
        for score in row["model"]:
            reached = {None: "", True: ", reached", False: ", missed"}[score["is_reached"]]
            goal = "" if score["reach"] is None else f"{score['reach']:g}{reached}"
            ahead = f"{score['lookahead_ms']:g} ms"
            rows.append((row["recordings"], row["measure"], ahead, _value(score), goal, others))
            others = ""  # they have no look-ahead, so they stand once
    heads = (
        "recordings",
        "measure",
        "look-ahead",
        agreement["release"],
        "to reach",
        "others, seeing the whole recording",
    )
    return _table(heads, rows)


def _rates(agreement: Figures, learning: Figures) -> str:
    found = {
        (each["rate_hz"], each["noise_deg"], each["lookahead_ms"]): each["scores"]
        for each in agreement["by_rate_and_noise"]
    }
    rates = list(dict.fromkeys(rate for rate, _, _ in found))
    levels = list(dict.fromkeys(noise for _, noise, _ in found))
    rows = []
    for rate in rates:
        cells = [f"{rate or 500:g} Hz"]
        for noise in levels:
            now, later = (found[rate, noise, ahead]["kappa"]["value"] for ahead in (0.0, 50.0))
            cells.append(f"{now:.3f} / {later:.3f}")
        rows.append(cells)
    return _table(("images", *(f"+{noise:g} deg" for noise in levels)), rows)


def _clocks(agreement: Figures, learning: Figures) -> str:
    def cells(results: Sequence[Figures], at: tuple[Any, float], name: str) -> str:
        found = {
            each["lookahead_ms"]: each["scores"][name] for each in results if (each["rate_hz"], each["noise_deg"]) == at
        }
        return f"{found[0.0]['value']:.3f} / {found[50.0]['value']:.3f}"

    every, right = agreement["by_rate_and_noise"], agreement["right_clock"]
    rows = []
    for at in dict.fromkeys((each["rate_hz"], each["noise_deg"]) for each in right):
        title = f"images, {at[0] or 500:g} Hz" + (f", {at[1]:g} deg noise" if at[1] else "")
        rows.append((title, cells(every, at, "kappa"), cells(right, at, "kappa"), cells(right, at, IOU)))
    return _table(("recordings", "kappa, all", "kappa, right clock", "saccade events F1 (IoU 0.5), right clock"), rows)


def _classes(agreement: Figures, learning: Figures) -> str:
    rows = []
    for kind, results in agreement["by_lookahead"].items():
        for result in results:
            if result["lookahead_ms"] not in (0.0, 50.0, 150.0):
                continue
            scores = result["scores"]
            names = ("kappa", *(f"{name} F1" for name in CLASSES), "saccade events F1", "blink events F1")
            cells = [_plain(scores.get(name)) for name in names]
            rows.append((kind, f"{result['lookahead_ms']:g} ms", *cells))
    heads = ("recordings", "look-ahead", "kappa", *(f"{name} F1" for name in CLASSES), "saccade events", "blink events")
    return _table(heads, rows)


def _plain(score: Mapping[str, Any] | None) -> str:
    return "" if score is None or score["value"] is None else f"{score['value']:.3f}"


def _reliability(agreement: Figures, learning: Figures) -> str:
    rows = [(kind, f"{curve['error']:.3f}") for kind, curve in agreement["reliability"].items()]
    return _table(("recordings, look-ahead 50 ms", "expected calibration error"), rows)


def _ablation(agreement: Figures, learning: Figures) -> str:
    whole = learning["ablation"][0]
    rows = [("nothing", str(whole["features"]), _spread(whole), "", f"{whole['mlogloss']:.3f}")]
    rows += [
        (
            each["without"].replace("_", " "),
            str(each["features"]),
            _spread(each),
            f"{each['kappa'] - whole['kappa']:+.3f}",
            f"{each['mlogloss']:.3f}",
        )
        for each in learning["ablation"][1:]
    ]
    return _table(("left out", "features", "kappa", "change", "loss"), rows)


def _spread(trained: Mapping[str, Any]) -> str:
    """The median of the trainings, and their least and greatest."""
    return f"{trained['kappa']:.3f} ({trained['kappas'][0]:.3f}-{trained['kappas'][-1]:.3f})"


def _how_small(agreement: Figures, learning: Figures) -> str:
    return (
        f"These come from small models, trained on {learning['rows']:,} rows of {learning['people']} people at"
        f" look-aheads of 0 and 50 ms,\n{learning['rounds']} rounds, and scored on the same"
        f" {learning['held_out_people']} people that none of them saw. Trainings of each, with\nseeds from"
        f" {learning['seed']} on: {learning['trainings']}; medians, with the least and the greatest. They tell what"
        " matters, not how good the\nrelease is."
    )


BLOCKS: dict[str, Callable[[Figures, Figures], str]] = {
    "release": _release,
    "recordings": _recordings,
    "targets": _targets,
    "rates": _rates,
    "clocks": _clocks,
    "classes": _classes,
    "reliability": _reliability,
    "how-small": _how_small,
    "ablation": _ablation,
}


# -- plots ------------------------------------------------------------------------------------------------------------


def plots(agreement: Figures, learning: Figures) -> dict[str, str]:
    """The drawings by file name."""
    return {
        "lookahead.svg": _lookahead_plot(agreement),
        "noise.svg": _noise_plot(agreement),
        "reliability.svg": _reliability_plot(agreement),
        "gain.svg": _gain_plot(agreement),
        "ablation.svg": _ablation_plot(learning),
        "learning-curve.svg": _curve_plot(learning),
    }


def _lookahead_plot(agreement: Figures) -> str:
    lines = []
    for kind, results in agreement["by_lookahead"].items():
        kappas = [result["scores"]["kappa"] for result in results]
        lines.append(Line(_short(kind), [each["lookahead_ms"] for each in results], [each["value"] for each in kappas]))
    return line_chart(
        "Agreement with people's labels by look-ahead",
        lines,
        x_label="look-ahead, ms",
        y_label="kappa",
        y_range=_range(lines),
    )


def _noise_plot(agreement: Figures) -> str:
    later = [each for each in agreement["by_rate_and_noise"] if each["lookahead_ms"] == 50.0]
    lines = []
    for rate in dict.fromkeys(each["rate_hz"] for each in later):
        some = [each for each in later if each["rate_hz"] == rate]
        kappas = [each["scores"]["kappa"]["value"] for each in some]
        lines.append(Line(f"{rate or 500:g} Hz", [each["noise_deg"] for each in some], kappas))
    return line_chart(
        "Images at lower rates and with more noise, look-ahead 50 ms",
        lines,
        x_label="white noise added, degrees",
        y_label="kappa",
        y_range=_range(lines),
    )


def _reliability_plot(agreement: Figures) -> str:
    lines = [Line("perfect", [0.3, 1.0], [0.3, 1.0], is_dashed=True)]
    for kind, curve in agreement["reliability"].items():
        lines.append(Line(_short(kind), curve["confidence"], curve["accuracy"]))
    return line_chart(
        "Reliability of the winning class, look-ahead 50 ms",
        lines,
        x_label="probability that was given",
        y_label="share of frames that were right",
        y_range=_range(lines),
        x_ticks=(0.4, 0.6, 0.8, 1.0),
    )


def _gain_plot(agreement: Figures) -> str:
    bars = [(each["feature"], each["share"]) for each in agreement["gain"][:N_FEATURES]]
    return bar_chart(f"What splits gained, first {N_FEATURES} features", bars, x_label="share of the gain")


def _ablation_plot(learning: Figures) -> str:
    whole = learning["ablation"][0]["kappa"]
    bars = [(each["without"].replace("_", " "), whole - each["kappa"]) for each in learning["ablation"][1:]]
    bars.sort(key=lambda bar: -bar[1])
    return bar_chart("Kappa that is lost without a family of features", bars, x_label="loss of kappa, people held out")


def _curve_plot(learning: Figures) -> str:
    curve = learning["curve"]
    people = [each["people"] for each in curve]
    lines = [Line("kappa", people, [each["kappa"] for each in curve])]
    lines += [Line(f"{name} F1", people, [each["f1"][name] for each in curve]) for name in CLASSES]
    return line_chart(
        "Agreement on the same people by how many others were learnt from",
        lines,
        x_label="people",
        y_label="kappa, F1",
        y_range=_range(lines),
        is_log_x=True,
    )


def _range(lines: Sequence[Line]) -> tuple[float, float]:
    """From the tenth below all values up to one."""
    return math.floor(10 * min(min(line.y) for line in lines)) / 10, 1.0


def _short(kind: str) -> str:
    return kind.replace("webcam lids, ", "lids, ").replace(" and more", "+")


if __name__ == "__main__":
    main()
