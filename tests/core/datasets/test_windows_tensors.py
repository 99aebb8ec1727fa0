"""The side that meets torch."""

import numpy as np
import pytest
import torch

from panosod_core.datasets.augment import Augmentation, AugmentConfig, transformed_picture, transformed_sound
from panosod_core.datasets.opening import open_data_set
from panosod_core.datasets.tensors import (
    Damaged,
    RecordingDataset,
    StillDataset,
    WindowDataset,
    stack_recordings,
    stack_stills,
    stack_windows,
)
from panosod_core.datasets.windows import WindowSpec, list_windows
from panosod_core.errors import DatasetError
from tests.core.datasets.tiny_sets import SEQUENCES, make_asod, make_duts, make_l3das

SPEC = WindowSpec(width=64, height=32, sound_s=0.5, rate_hz=16000)
EVERYTHING = AugmentConfig(yaw=True, left_right=0.5, up_down=0.5)


@pytest.fixture(scope="module")
def windows(tmp_path_factory):
    return list_windows(open_data_set(make_asod(tmp_path_factory.mktemp("asod"), keys=4)), SPEC).windows


def test_batches_of_windows(windows):
    data = WindowDataset(windows, SPEC)
    loader = torch.utils.data.DataLoader(data, batch_size=5, collate_fn=stack_windows)
    batches = list(loader)
    assert [len(batch["meta"]) for batch in batches] == [5, 5, 5, 1]
    first = batches[0]
    assert {key: (tuple(v.shape), v.dtype) for key, v in first.items() if key != "meta"} == {
        "frames": ((5, 3, 3, 32, 64), torch.float32), "foa": ((5, 4, 8000), torch.float32),
        "masks": ((5, 3, 32, 64), torch.float32), "frame_valid": ((5, 3), torch.bool),
        "mask_valid": ((5, 3), torch.bool), "has_sound": ((5,), torch.bool),
    }  # fmt: skip
    np.testing.assert_array_equal(first["frames"][2].numpy(), data[2].frames)
    assert first["meta"][2] == data[2].meta


def test_workers_read_the_same(windows):
    data = WindowDataset(windows, SPEC, augment=EVERYTHING, seed=3)
    alone = [s.foa for s in (data[i] for i in range(len(data)))]
    loader = torch.utils.data.DataLoader(data, batch_size=4, num_workers=2, collate_fn=stack_windows)
    together = np.concatenate([batch["foa"].numpy() for batch in loader])
    np.testing.assert_array_equal(together, np.stack(alone))


def test_augmentation_is_drawn_by_seed_epoch_and_place(windows):
    data = WindowDataset(windows, SPEC, augment=EVERYTHING, seed=3)
    plain = WindowDataset(windows, SPEC)[5]
    first = data[5]
    np.testing.assert_array_equal(data[5].frames, first.frames)
    data.set_epoch(1)
    assert not np.array_equal(data[5].frames, first.frames)
    # whatever was drawn, it is one of the transformations, of picture, mask and sound alike
    fitting = [
        how
        for pixels in range(64) for m in (False, True) for f in (False, True)
        if np.array_equal(transformed_picture(plain.frames, how := Augmentation(pixels / 64, m, f)), first.frames)
    ]  # fmt: skip
    assert len(fitting) == 1
    np.testing.assert_array_equal(first.masks, transformed_picture(plain.masks, fitting[0]))
    np.testing.assert_array_equal(first.foa, transformed_sound(plain.foa, fitting[0]))


def test_damaged_windows_stop_or_are_replaced_and_told(tmp_path):
    make_asod(tmp_path, keys=4, sequences={"_Ellen": SEQUENCES["_Ellen"]})
    listed = list_windows(open_data_set(tmp_path), WindowSpec(frames=1, width=64, height=32)).windows
    (tmp_path / "frame_key" / "_Ellen" / "00006.png").write_bytes(b"broken")
    spec = WindowSpec(frames=1, width=64, height=32)
    with pytest.raises(DatasetError, match=r"00006\.png"):
        WindowDataset(listed, spec)[1]
    replaced = WindowDataset(listed, spec, damaged=Damaged.REPLACE)
    assert replaced[0].meta.stands_for == "" and replaced[1].meta.numbers == (12,)
    assert "00006.png" in replaced[1].meta.stands_for
    for path in (tmp_path / "frame_key" / "_Ellen").iterdir():
        path.write_bytes(b"broken")
    with pytest.raises(DatasetError, match="none of 4 windows can be read"):
        replaced[0]


def test_stills(tmp_path):
    stills = open_data_set(make_duts(tmp_path)).stills
    data = StillDataset(stills, width=64, height=32, augment=EVERYTHING, seed=1)
    plain = StillDataset(stills, width=64, height=32)
    batch = stack_stills([plain[i] for i in range(3)])
    assert batch["frames"].shape == (3, 1, 3, 32, 64) and batch["masks"].shape == (3, 1, 32, 64)
    assert batch["names"] == ["nTR_0", "nTR_1", "nTR_2"]
    seen = set()
    for epoch in range(12):
        data.set_epoch(epoch)
        frame, mask, _ = data[1]
        mirrored = not np.array_equal(frame, plain[1][0])
        seen.add(mirrored)
        # a planar picture is mirrored or left alone, never turned or put upside down
        np.testing.assert_array_equal(frame, plain[1][0][..., ::-1] if mirrored else plain[1][0])
        np.testing.assert_array_equal(mask, plain[1][1][..., ::-1] if mirrored else plain[1][1])
    assert seen == {False, True}


def test_recordings(tmp_path):
    found = open_data_set(make_l3das(tmp_path))
    data = RecordingDataset(found.recordings, order=found.order, duration_s=1.0, random_start=True, seed=2)
    batch = stack_recordings([data[i] for i in range(len(data))])
    assert batch["waveform"].shape == (4, 4, 32000) and batch["active"].shape == (4, 10, 14, 3)
    assert batch["position"].shape == (4, 10, 14, 3, 3) and len(batch["names"]) == 4
    starts = set()
    for epoch in range(10):
        data.set_epoch(epoch)
        starts.add(data[0].start_s)
    assert len(starts) > 3 and all(0 <= s <= 1.0 for s in starts)
    with pytest.raises(ValueError, match="about one microphone"):
        RecordingDataset(found.recordings, order=found.order, duration_s=1.0, microphones=2, augment=EVERYTHING)


def test_empty_sets_are_refused():
    with pytest.raises(DatasetError, match="at least one window"):
        WindowDataset([], SPEC)
    with pytest.raises(DatasetError, match="at least one picture"):
        StillDataset([], width=4, height=2)
    with pytest.raises(DatasetError, match="at least one recording"):
        RecordingDataset([], order=None, duration_s=1.0)
