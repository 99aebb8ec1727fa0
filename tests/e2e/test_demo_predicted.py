"""The model that comes with panosod on the demo clip: files of ``panosod predict``, counted against the truth.

The clip is the whole demo, all of its 20 seconds, a third as wide and at 5 frames a second; every frame is counted.
``benchmarks/demo_counted.py`` counts the 600 of the clip that `make run` opens.
"""

import importlib.util
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from panosod_core.cli.main import main
from panosod_core.synth.masks import MaskRuns, load_masks
from panosod_core.synth.truth import TruthHeader, load_truth, masks_path
from tests.clips import demo_clip, swapped_sound_clip

TWIN_OF = {1: 2, 2: 1, 3: 4, 4: 3, 5: 6, 6: 5}
"""The demo's objects come in pairs that look alike."""
SIZE = {"width": 640, "height": 320, "fps": 5, "duration_s": 20.0}


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    if importlib.util.find_spec("torch") is not None:
        import torch

        torch.set_num_threads(1)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return demo_clip(tmp_path_factory.mktemp("demo"), **SIZE)


@pytest.fixture(scope="module")
def truth(clip: Path) -> tuple[TruthHeader, MaskRuns]:
    return load_truth(clip).header, load_masks(masks_path(clip))


def predicted(clip: Path, folder: Path, *more: str) -> Path:
    arguments = ["--cache", str(folder / "cache"), "--out", str(folder / "out"), "--device", "cpu", "--jobs", "1"]
    assert main(["predict", str(clip), *arguments, *more]) == 0
    return folder / "out" / clip.stem / "saliency"


def verdicts(pictures: Path, header: TruthHeader, masks: MaskRuns) -> Counter[str]:
    """For each frame that something sounds in: the mask covers half of it and not of its twin, or the reverse."""
    counts: Counter[str] = Counter()
    for path in sorted(pictures.iterdir()):
        index = int(path.stem)
        sounding = header.sounding(index)
        if not sounding:
            continue
        grey = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        assert grey is not None
        labels = cv2.resize(masks.mask(index), grey.shape[::-1], interpolation=cv2.INTER_NEAREST)
        mask = grey >= 128
        heard, other = (bool(mask[labels == n].mean() >= 0.5) for n in (sounding[0], TWIN_OF[sounding[0]]))
        counts["right" if heard and not other else "twin" if other and not heard else "neither"] += 1
    return counts


def test_masks_lie_on_what_sounds_and_not_on_its_twin(
    clip: Path, truth: tuple[TruthHeader, MaskRuns], tmp_path: Path
) -> None:
    header, _ = truth
    pictures = predicted(clip, tmp_path)
    assert len(list(pictures.iterdir())) == header.frame_count == 100
    counts = verdicts(pictures, *truth)
    assert counts.total() == sum(bool(header.sounding(index)) for index in range(header.frame_count)) > 80
    assert counts["right"] >= 0.9 * counts.total(), counts
    assert counts["twin"] == 0


def test_with_left_and_right_swapped_in_the_sound_the_mask_goes_to_the_other_twin(
    truth: tuple[TruthHeader, MaskRuns], tmp_path: Path
) -> None:
    """In the first five seconds the two sound that stand left and right of the front, mirrored.

    They take turns, and while the sound window spans both, both may be marked: that counts as neither.
    """
    swapped = swapped_sound_clip(tmp_path, **SIZE)
    counts = verdicts(predicted(swapped, tmp_path, "--frames", "0:25"), *truth)
    assert counts.total() > 18
    assert counts["twin"] >= 0.7 * counts.total(), counts
    assert counts["right"] == 0


def test_the_verdict_tells_right_from_wrong(clip: Path, truth: tuple[TruthHeader, MaskRuns], tmp_path: Path) -> None:
    """Masks drawn from the truth itself: of what sounds, of its twin, of nothing."""
    header, masks = truth
    index = next(n for n in range(header.frame_count) if header.sounding(n))
    heard = header.sounding(index)[0]
    for word, label in (("right", heard), ("twin", TWIN_OF[heard]), ("neither", 77)):
        folder = tmp_path / word
        folder.mkdir()
        picture = np.where(masks.mask(index) == label, 255, 0).astype(np.uint8)
        cv2.imwrite(str(folder / f"{index:05d}.png"), picture)
        assert verdicts(folder, header, masks) == {word: 1}
