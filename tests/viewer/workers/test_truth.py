"""Ground truth beside a clip, or in a folder of mask pictures."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from panosod_core.datasets.pictures import voc_palette
from panosod_core.synth.truth import load_truth
from panosod_viewer.workers.truth import TruthFailed, TruthShown, TruthWorker, has_truth


@pytest.fixture
def worker_of():
    workers = []

    def made(*arguments, **more) -> TruthWorker:
        workers.append(TruthWorker(*arguments, **more))
        return workers[-1]

    yield made
    assert all(worker.close(timeout_s=60) for worker in workers)


def test_truth_beside_a_made_clip(clip: Path, mail, worker_of) -> None:
    assert has_truth(clip) and not has_truth(clip.with_name("other.mp4"))
    worker = worker_of(clip, mail.post)
    worker.want(7)
    shown = mail.next()
    truth = load_truth(clip)
    assert isinstance(shown, TruthShown) and shown.index == shown.key_index == 7
    assert np.array_equal(shown.labels, truth.mask(7))
    assert dict(shown.names) == {each.id: each.name for each in truth.objects}
    worker.want(10_000)
    assert mail.next().labels is None


def test_a_mask_of_every_nth_frame_stands_until_the_next(tmp_path: Path, mail, worker_of) -> None:
    for number in (0, 6, 12):
        mask = np.zeros((8, 16), np.uint8)
        mask[:, number % 16] = 255
        Image.fromarray(mask).save(tmp_path / f"frame_{number:06d}.png")
    worker = worker_of(tmp_path / "clip.mp4", mail.post, folder=tmp_path)
    for index, key in ((0, 0), (5, 0), (6, 6), (17, 12)):
        worker.want(index)
        shown = mail.next()
        assert (shown.index, shown.key_index) == (index, key)
        assert shown.labels.max() == 1 and shown.labels[:, key % 16].all()
    worker.want(18)
    assert mail.next().labels is None


def test_instances_keep_their_numbers(tmp_path: Path, mail, worker_of) -> None:
    labels = np.zeros((4, 8), np.uint8)
    labels[1], labels[2], labels[3] = 1, 2, 255
    picture = Image.fromarray(labels, "P")
    picture.putpalette(voc_palette().reshape(-1).tolist())
    picture.save(tmp_path / "00003.png")
    worker = worker_of(tmp_path / "clip.mp4", mail.post, folder=tmp_path)
    worker.want(3)
    found = mail.next().labels
    assert found[1:, 0].tolist() == [1, 2, 0]


@pytest.mark.parametrize("what", ["empty folder", "no truth", "damaged picture"])
def test_what_cannot_be_read_is_told_once_in_one_line(tmp_path: Path, mail, worker_of, what: str) -> None:
    folder = None if what == "no truth" else tmp_path
    if what == "damaged picture":
        (tmp_path / "0.png").write_bytes(b"\x89PNG\r\n\x1a\nrubbish")
    worker = worker_of(tmp_path / "clip.mp4", mail.post, folder=folder)
    worker.want(0)
    failed = mail.next()
    assert isinstance(failed, TruthFailed) and failed.text and "\n" not in failed.text
    worker.want(1)
    assert worker.close(timeout_s=60)
    assert mail._queue.empty()
