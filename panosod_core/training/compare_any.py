"""Any two models on the same frames: a data set's test part, or what a project keeps for the check."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from panosod_core.annotation.adopting import clip_file
from panosod_core.annotation.snapshot import Snapshot
from panosod_core.datasets.index import DataSet, Layout, Split
from panosod_core.datasets.opening import open_data_set
from panosod_core.datasets.projects import Preparation, all_for, is_project, prepare
from panosod_core.errors import ConfigError, DatasetError
from panosod_core.inference.judging import window_spec
from panosod_core.inference.model_file import ModelFile
from panosod_core.training.finetune_compare import Progress, compare_models
from panosod_core.training.finetune_gate import Verdict, judge
from panosod_core.training.finetune_ledger import split_at_hand
from panosod_core.training.finetune_split import corrected_frames


@dataclass(frozen=True)
class Comparison:
    """What came out.

    Attributes:
        verdict: scores with intervals; its advice is meant for candidates and says nothing here.
        part: which frames were judged, in words.
    """

    verdict: Verdict
    part: str


def compare_on(
    first: ModelFile,
    second: ModelFile,
    data: Path,
    *,
    device: str = "auto",
    threads: int | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Judge two models on the same frames.

    Args:
        first: takes the incumbent's place in the verdict.
        second: takes the candidate's.
        data: folder of a data set, or an annotated project.
        device: where both run.
        threads: of the CPU.
        progress: told after every frame.

    Raises:
        ConfigError: models with different windows.
        PanosodError: nothing to judge on, or it cannot be read.
    """
    if window_spec(first.config) != window_spec(second.config):
        raise ConfigError(
            f"expected two models that look at the same windows, got {first.path.name} and {second.path.name}, whose "
            "sizes, spacings or sound differ: judge each with `panosod evaluate --model`"
        )
    from panosod_core.inference.engine_torch import open_torch_engine  # seconds, so only where it is needed

    with _judged(data, first) as (frames, part):
        before, after = (
            open_torch_engine(model, device=device, precision="float32", threads=threads) for model in (first, second)
        )
        found = list(compare_models(before, after, frames, progress=progress))
    return Comparison(judge(found, corrected=len(found)), part)


@contextmanager
def _judged(data: Path, model: ModelFile) -> Iterator[tuple[DataSet, str]]:
    """The frames to judge, and which they are."""
    if is_project(data):
        with tempfile.TemporaryDirectory(prefix="panosod-compare-") as folder:
            yield _of_project(data, model, Path(folder) / "data")
        return
    listed = open_data_set(data)
    for split, words in ((Split.TEST, "the test part"), (Split.VALIDATION, "the validation part")):
        some = listed.of_split(split)
        if some.clips:
            yield some, words
            return
    raise DatasetError(f"{data}: expected a test or a validation part with masks to judge on, there is neither")


def _of_project(project: Path, model: ModelFile, folder: Path) -> tuple[DataSet, str]:
    config = model.config
    with Snapshot.open(project) as snapshot:
        media = {clip.id: clip_file(project, clip) for clip in snapshot.clips}
        corrected = corrected_frames(snapshot, clips=[number for number, path in media.items() if path is not None])
        split, lost = split_at_hand(snapshot)
        has_check = any(split.part_of(c.content_id, t) is Split.VALIDATION for c in corrected for t in c.times_s)
        how = Preparation(
            width=config.width_px, step_s=config.frame_spacing_s, window=config.window,
            rule=split.rule() if has_check else all_for(Split.VALIDATION),
        )  # fmt: skip
        prepare(snapshot, folder, how, media=lambda clip: media[clip.id])
    words = "the check set of the project" if has_check else "all corrected frames: a model may have learnt from them"
    words += f" ({lost})" if lost else ""
    return open_data_set(folder, layout=Layout.PANOSOD).of_split(Split.VALIDATION), words
