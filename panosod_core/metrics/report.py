"""An evaluation as a table for people, CSV, JSON, and a Markdown row beside the published ones."""

import csv
import io
from collections.abc import Iterator, Sequence

from panosod_core.metrics.accumulate import Evaluation, Means, SubsetResult
from panosod_core.metrics.folders import FolderEvaluation
from panosod_core.metrics.published import SUBSET_TITLES, TABLE_1, Four

COLUMNS = ("f", "s", "e", "mae", "j", "mean_f", "max_f", "mean_e", "max_e")
"""Fields of :class:`~panosod_core.metrics.accumulate.Means` in the order of every table."""

_HEADS = ("F", "S", "E", "MAE", "J", "mean F", "max F", "mean E", "max E")


def text_table(result: FolderEvaluation) -> str:
    """All and every subset, frame mean and clip mean, flat and on the sphere."""
    rows: list[tuple[str, ...]] = [("set", "pixels", "mean of", "n", *_HEADS)]
    for pixels, evaluation in _both(result):
        for subset in (evaluation.everything, *evaluation.subsets):
            for unit, means, count in _means(subset):
                numbers = ["-"] * len(COLUMNS) if means is None else [f"{getattr(means, c):.4f}" for c in COLUMNS]
                rows.append((subset.name, pixels, unit, str(count), *numbers))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(w) if i < 3 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )


def csv_text(result: FolderEvaluation) -> str:
    """One row for All, each subset and each clip, by pixels and kind of mean; full precision."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["scope", "subset", "clip", "pixels", "mean_of", "frames", "clips", "empty_masks", *COLUMNS])
    for pixels, evaluation in _both(result):
        places = [("all", "", "", evaluation.everything)]
        places += [("subset", subset.name, "", subset) for subset in evaluation.subsets]
        places += [("clip", key.subset or "", key.clip, of_clip) for key, of_clip in evaluation.clips]
        for scope, subset_name, clip, subset in places:
            # A clip's two means are one.
            for unit, means, _ in list(_means(subset))[: 1 if scope == "clip" else 2]:
                numbers = [""] * len(COLUMNS) if means is None else [repr(getattr(means, c)) for c in COLUMNS]
                counts = (subset.frames, subset.clips, subset.empty)
                writer.writerow([scope, subset_name, clip, pixels, unit, *counts, *numbers])
    return out.getvalue()


def json_object(result: FolderEvaluation) -> dict[str, object]:
    """Everything, for programs; a mean of no frames is null."""
    return {
        "masks": result.masks,
        "judged": result.flat.everything.frames,
        "empty_masks": result.flat.everything.empty,
        "resized": result.resized,
        "not_panoramas": result.not_panoramas,
        "missing": list(result.missing),
        "extra": list(result.extra),
        "unreadable": list(result.unreadable),
        "faint_masks": list(result.faint),
        **{pixels: _evaluation_json(evaluation) for pixels, evaluation in _both(result)},
    }


def markdown_table(result: FolderEvaluation, *, name: str) -> str:
    """Ours under the paper's Table 1: flat frame means, which is how that table was made.

    Args:
        result: its subsets are those of the table where they are called so; others stay empty.
        name: of our row.
    """
    heads = [title if key == "All" else f"{title} ({key})" for key, title in SUBSET_TITLES.items()]
    lines = [
        "| Method | " + " | ".join(f"{head}: F | S | E | MAE" for head in heads) + " |",
        "|---|" + "---|" * (4 * len(heads)),
    ]
    for row in TABLE_1:
        fours = (row.misc, row.music, row.speaking, row.everything)
        lines.append(_markdown_row(row.method + (" ¹" if row.note.startswith("PAV-SOD") else ""), fours))
    subsets = {subset.name: subset for subset in (*result.flat.subsets, result.flat.everything)}
    lines.append(_markdown_row(f"**{name}**", [_four(subsets.get(key)) for key in SUBSET_TITLES]))
    lines += [
        "",
        f"Ours: frame means, {result.flat.everything.frames} frames, {result.flat.everything.clips} clips. Others: "
        "Table 1 of Li et al., AAAI 2023; ¹ from Zhang et al., PAV-SOD, TOMM 2023.",
    ]
    return "\n".join(lines)


def _both(result: FolderEvaluation) -> Iterator[tuple[str, Evaluation]]:
    yield "flat", result.flat
    if result.sphere is not None:
        yield "sphere", result.sphere


def _means(subset: SubsetResult) -> Iterator[tuple[str, Means | None, int]]:
    yield "frames", subset.frame_mean, subset.frames
    yield "clips", subset.clip_mean, subset.clips


def _evaluation_json(evaluation: Evaluation) -> dict[str, object]:
    return {
        "all": _subset_json(evaluation.everything),
        "subsets": {subset.name: _subset_json(subset) for subset in evaluation.subsets},
        "clips": [
            {"clip": key.clip, "subset": key.subset, "frames": one.frames, **(_means_json(one.frame_mean) or {})}
            for key, one in evaluation.clips
        ],
    }


def _subset_json(subset: SubsetResult) -> dict[str, object]:
    curves = subset.frame_mean
    return {
        "frames": subset.frames,
        "clips": subset.clips,
        "empty_masks": subset.empty,
        "frame_mean": _means_json(subset.frame_mean),
        "clip_mean": _means_json(subset.clip_mean),
        "f_curve": None if curves is None else [float(v) for v in curves.f_curve],
        "e_curve": None if curves is None else [float(v) for v in curves.e_curve],
    }


def _means_json(means: Means | None) -> dict[str, float] | None:
    return None if means is None else {column: getattr(means, column) for column in COLUMNS}


def _four(subset: SubsetResult | None) -> Four | None:
    means = None if subset is None else subset.frame_mean
    return None if means is None else Four(means.f, means.s, means.e, means.mae)


def _markdown_row(method: str, fours: Sequence[Four | None]) -> str:
    # .404, not 0.404: as such tables are printed; 1.000 keeps its one.
    cells = [f"{v:.3f}".removeprefix("0") if four else "–" for four in fours for v in (four or (0.0,) * 4)]
    return f"| {method} | " + " | ".join(cells) + " |"
