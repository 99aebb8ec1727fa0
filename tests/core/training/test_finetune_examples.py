"""What a finetuning job keeps to be looked at: the same frames after every check, before and now."""

from dataclasses import replace

import numpy as np
import pytest

from panosod_core.datasets.index import Split
from panosod_core.datasets.opening import open_data_set
from panosod_core.datasets.windows import list_windows, load_window
from panosod_core.errors import TrainingError
from panosod_core.inference.engine_torch import open_torch_engine
from panosod_core.inference.judging import window_map, window_spec
from panosod_core.inference.model_file import ModelFile
from panosod_core.model.checkpoint import save_checkpoint
from panosod_core.model.network import build_network
from panosod_core.training.examples import BEST_EXAMPLES, EXAMPLES, Examples, read_examples, write_examples
from panosod_core.training.finetune import work_on
from panosod_core.training.finetune_base import SCENES
from panosod_core.training.finetune_examples import _evenly
from panosod_core.training.jobs.control import queue
from panosod_core.training.jobs.folder import JobFolder
from tests.core.training.corrected import MODEL, clip, corrected_project, request


def some(step=3, count=2, height=4, width=8) -> Examples:
    rng = np.random.default_rng(1)

    def made(*shape):
        return rng.integers(0, 256, shape, np.uint8)

    size = (count, height, width)
    return Examples(
        step, ("a.mp4",) * count, tuple(range(count)), made(*size, 3), made(*size), made(*size), made(*size)
    )


def test_what_is_written_is_read(tmp_path):
    examples = some()
    write_examples(tmp_path / EXAMPLES, examples)
    read = read_examples(tmp_path / EXAMPLES)
    assert (read.step, read.clips, read.numbers) == (examples.step, examples.clips, examples.numbers)
    for name in ("pictures", "truth", "before", "now"):
        assert np.array_equal(getattr(read, name), getattr(examples, name))
    assert [p.name for p in tmp_path.iterdir()] == [EXAMPLES]


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04", b"no zip at all"])
def test_what_is_no_such_file_is_none(tmp_path, damage):
    path = tmp_path / EXAMPLES
    assert read_examples(path) is None
    path.write_bytes(damage)
    assert read_examples(path) is None
    write_examples(path, some())
    path.write_bytes(path.read_bytes()[:-40])
    assert read_examples(path) is None


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(TrainingError, match="cannot be written"):
        write_examples(tmp_path / "none" / EXAMPLES, some())


def test_shapes_belong_together():
    with pytest.raises(ValueError, match="of one size"):
        replace(some(), now=np.zeros((2, 4, 9), np.uint8))
    with pytest.raises(ValueError, match="as names"):
        replace(some(), numbers=(1,))


@pytest.mark.parametrize("count", range(1, 20))
def test_examples_are_spread_evenly(count):
    chosen = _evenly(count, 6)
    assert len(chosen) == min(count, 6) == len(set(chosen)) and chosen == sorted(chosen)
    assert chosen[0] >= 0 and chosen[-1] < count
    gaps = np.diff([-chosen[0] - 1, *chosen, 2 * count - 1 - chosen[-1]])
    assert gaps.max() - gaps.min() <= 2


def test_a_job_shows_its_check_set_as_both_models_see_it(tmp_path):
    clips = clip(tmp_path, 1), clip(tmp_path, 2)
    project = corrected_project(
        tmp_path / "p.panosod", {clips[0]: list(range(0, 40, 2)), clips[1]: list(range(1, 40, 2))}
    )
    model, folder = tmp_path / "m.safetensors", tmp_path / "job"
    save_checkpoint(model, build_network(MODEL, seed=0))
    JobFolder.create(folder, request(project, model, steps=8))
    queue(folder)
    record = work_on(folder)
    run = folder / "runs" / "main"
    last, best = read_examples(run / EXAMPLES), read_examples(run / BEST_EXAMPLES)
    checks = [e for e in JobFolder(folder).events()[0] if e["event"] == "check"]
    assert last.step == checks[-1]["step"] == 8 and best.step == max(e["step"] for e in checks if e["best"])
    data = open_data_set(folder / "data" / "main").of_split(Split.VALIDATION)
    windows = list_windows(data, window_spec(MODEL), need_sound=True).windows
    assert len(last.numbers) == min(6, len(windows)) and sum(record.result["checked"].values()) == len(windows)
    for role, path in (("before", folder / "incumbent.safetensors"), ("now", run / "last.safetensors")):
        engine = open_torch_engine(ModelFile.read(path), device="cpu", precision="float32", threads=1)
        for n, number in enumerate(last.numbers):
            window = next(w for w in windows if w.frame.number == number and w.clip.title == last.clips[n])
            sample = load_window(window, window_spec(MODEL))
            seen = window_map(engine, sample.frames, sample.foa).saliency
            assert np.abs(getattr(last, role)[n] / 255 - seen).max() < 0.02, (role, number)
            assert np.array_equal(last.truth[n] > 0, sample.masks[window_spec(MODEL).target] > 0.5)
    assert not np.array_equal(last.before, last.now)
    # Beside the comparison stands what the model in use would be worth with its maps as decided as suits it.
    decided = record.result["decided"]["begun_with"]
    assert ("f" in record.result["control"]) == (decided != 1) and record.result["base"]["f"]["frames"] == SCENES
    if decided != 1:
        assert record.result["control"]["f"]["frames"] == record.result["scores"]["f"]["frames"]
