"""Each stage on each kind of data, and what it hands to the next."""

import pytest
import torch

from panosod_core.datasets.augment import AugmentConfig
from panosod_core.errors import CheckpointError, ConfigError, DatasetError
from panosod_core.model.acoustic import AcousticDetector, Detections
from panosod_core.model.checkpoint import load_detector, load_network
from panosod_core.model.network import build_network
from panosod_core.training.acoustic import train_acoustic
from panosod_core.training.check import detection_scores, map_scores
from panosod_core.training.config import BestBy, Precision, Stage
from panosod_core.training.data import DataConfig, window_sources
from panosod_core.training.events import tensorboard_listener
from panosod_core.training.image import train_image
from panosod_core.training.job import StartWeights
from panosod_core.training.losses import LossConfig
from panosod_core.training.start import IMAGE_PARTS, image_config, load_start
from panosod_core.training.video import train_video
from tests.core.datasets.tiny_sets import make_asod, make_duts, make_l3das
from tests.core.training.tiny_jobs import TRAIN, Heard, job


def parts(module, name):
    return {n: t for n, t in module.state_dict().items() if n.startswith(name + ".")}


def same(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[n], second[n]) for n in first)


def test_each_stage_hands_its_weights_to_the_next(tmp_path):
    train_acoustic(job(tmp_path / "a", Stage.ACOUSTIC, epochs=1, batch=3))
    train_image(job(tmp_path / "i", Stage.IMAGE, epochs=1, batch=3))
    start = StartWeights(image=tmp_path / "i" / "last.safetensors", acoustic=tmp_path / "a" / "last.safetensors")
    network = build_network(job(tmp_path).model, seed=5)
    loaded = load_start(network, start)
    image, _ = load_network(tmp_path / "i" / "last.safetensors")
    detector, info = load_detector(tmp_path / "a" / "last.safetensors")
    assert same(parts(network, "acoustic"), parts(detector, "acoustic"))
    for part in IMAGE_PARTS:
        assert same(parts(network, part), parts(image, part)), part
    assert len(loaded["image_sha256"]) == 64 and len(loaded["acoustic_sha256"]) == 64
    assert info.provenance["settings"]["stage"] == "acoustic" and info.classes == 14
    # The image stage has no ears, no fusion and no teacher.
    assert {n for n, _ in image.named_children()} == {"visual", "temporal", "decoder"}
    train_video(job(tmp_path / "v", start=start, epochs=1, batch=3))
    _, info = load_network(tmp_path / "v" / "best.safetensors")
    assert info.provenance["start"] == loaded
    # And a whole network begins a finetuning.
    again = StartWeights(model=tmp_path / "v" / "last.safetensors")
    other = build_network(job(tmp_path).model, seed=6)
    load_start(other, again)
    assert same(other.state_dict(), load_network(tmp_path / "v" / "last.safetensors")[0].state_dict())


def test_weights_that_a_stage_has_no_place_for_are_refused(tmp_path):
    train_image(job(tmp_path / "i", Stage.IMAGE, epochs=1, batch=6))
    path = tmp_path / "i" / "last.safetensors"
    config = job(tmp_path).model
    with pytest.raises(ConfigError, match="no part that --start-acoustic could begin"):
        load_start(build_network(image_config(config)), StartWeights(acoustic=path))
    with pytest.raises(CheckpointError, match="of kind network"):
        load_start(AcousticDetector(config), StartWeights(model=path))
    with pytest.raises(ConfigError, match="no place for ImageNet"):
        load_start(AcousticDetector(config), StartWeights(imagenet=path))


def test_asod60k_trains_and_its_test_part_is_not_touched(tmp_path):
    data = DataConfig(folder=make_asod(tmp_path / "data", keys=3), check_share=0.5)
    sources = window_sources(data, job(tmp_path).model, TRAIN, torch.device("cpu"))
    names = [{s.samples[i].meta.clip for i in range(len(s.samples))} for s in (sources.train, sources.check)]
    assert names[0] | names[1] == {"_Ellen", "_-IRG9Z7Y2uS4"} and not names[0] & names[1]
    heard = Heard()
    assert train_video(job(tmp_path / "run", data=data, epochs=1, batch=3), listeners=(heard,)).done
    assert 0 <= heard.of("check")[0]["mae"] <= 1


def test_one_sequence_cannot_be_parted(tmp_path):
    make_asod(tmp_path, keys=2, sequences=None)
    with pytest.raises(DatasetError, match="at least 2 sequences"):
        window_sources(DataConfig(folder=tmp_path, check_share=0.9), job(tmp_path).model, TRAIN, torch.device("cpu"))


def test_windows_with_a_missing_mask_are_left_out_for_a_teacher_that_needs_all(tmp_path):
    make_asod(tmp_path, keys=6)
    (tmp_path / "DATA" / "train" / "_Ellen" / "00012.png").unlink()
    data = DataConfig(folder=tmp_path, check_share=0.0)
    literal = window_sources(data, job(tmp_path).model, TRAIN, torch.device("cpu"))
    told = job(tmp_path, model={"teacher_validity": True}).model
    tolerant = window_sources(data, told, TRAIN, torch.device("cpu"))
    assert len(literal.train.samples) < len(tolerant.train.samples) == 11
    assert any("this teacher needs all" in note for note in literal.notes)
    assert any("no mask" in note for note in tolerant.notes)


def test_a_teacher_that_needs_every_mask_says_which_one_does_not(tmp_path):
    root = make_asod(tmp_path / "d")
    for path in (root / "DATA" / "train").rglob("*.png"):
        if int(path.stem) % 12:
            path.unlink()
    data = DataConfig(folder=root, check_share=0.5)
    with pytest.raises(DatasetError, match=r"teacher needs all.*presets panosod and small"):
        window_sources(data, job(tmp_path).model, TRAIN, torch.device("cpu"))
    model = job(tmp_path, model={"teacher_validity": True}).model
    sources = window_sources(data, model, TRAIN, torch.device("cpu"))
    assert len(sources.train.samples) == 4
    assert any("without a mask" in note for note in sources.notes), "what was odd about the folder is told"


def test_a_distillation_that_stops_at_the_fusion_trains(tmp_path):
    heard = Heard()
    loss = LossConfig(distill_apart=True, distill_adapter=True, distill_normalise=True, stop_teacher=False)
    assert train_video(job(tmp_path, loss=loss, epochs=1, batch=3), listeners=(heard,)).done
    assert all(step["distill"] > 0 for step in heard.of("step"))


def test_duts_trains(tmp_path):
    data = DataConfig(folder=make_duts(tmp_path / "data", count=6), augment=AugmentConfig(left_right=0.5))
    outcome = train_image(job(tmp_path / "run", Stage.IMAGE, data=data, epochs=1, best_by=BestBy.MAE))
    assert outcome.done and outcome.best is not None and 0 <= outcome.best <= 1


def test_l3das_trains_by_the_order_that_its_labels_prove(tmp_path):
    data = DataConfig(folder=make_l3das(tmp_path / "data"), stretch_s=0.4)
    heard = Heard()
    outcome = train_acoustic(job(tmp_path / "run", Stage.ACOUSTIC, data=data, epochs=1, batch=2), listeners=(heard,))
    assert outcome.done
    assert any("labels and sound agree" in note["text"] for note in heard.of("note"))


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"best_by": BestBy.MAE}, "judged by loss or f"),
        ({"freeze_batch_norm": True}, "cannot be frozen"),
        ({"data": DataConfig(stretch_s=0.45)}, "tenths of a second"),
        ({"model": {"hop": 200}}, "tokens of that length"),
    ],
)
def test_the_acoustic_stage_refuses_what_it_cannot_do(tmp_path, changes, message):
    with pytest.raises(ConfigError, match=message):
        train_acoustic(job(tmp_path, Stage.ACOUSTIC, **changes))


def test_bfloat16_and_a_frozen_teacher_train(tmp_path):
    precise, rough = Heard(), Heard()
    train_video(job(tmp_path / "a", epochs=1, max_steps=1), listeners=(precise,))
    train_video(job(tmp_path / "b", epochs=1, max_steps=1, precision=Precision.BF16), listeners=(rough,))
    first, second = precise.of("step")[0]["student"], rough.of("step")[0]["student"]
    assert first != second and second == pytest.approx(first, rel=0.05)
    alone = Heard()
    train_video(job(tmp_path / "c", max_steps=1, loss=LossConfig(distill=0.0)), listeners=(alone,))
    assert alone.of("step")[0]["teacher"] == 0 == alone.of("step")[0]["distill"]


def test_scores_of_perfect_maps():
    masks = torch.zeros(2, 16, 32)
    masks[:, 4:9, 6:20] = 1
    scores = map_scores(200 * (masks - 0.5), masks)
    assert all(scores[name].shape == (2,) for name in ("f", "s", "e", "mae"))
    assert torch.all(scores["f"] > 0.999) and torch.all(scores["mae"] < 1e-6)
    assert torch.all(map_scores(-200 * (masks - 0.5), masks)["mae"] > 0.999)


def said_of(active, position, *, sure=9.0):
    return Detections((2 * active - 1).flatten(2) * sure, position.flatten(2, 3))


def test_scores_of_detections():
    active = torch.zeros(1, 2, 14, 3)
    position = torch.zeros(1, 2, 14, 3, 3)
    active[0, :, 4, 0] = active[0, 1, 4, 1] = active[0, 0, 7, 0] = 1
    position[0, :, 4, 0, 0] = 1
    position[0, 1, 4, 1, 1] = 1
    position[0, 0, 7, 0, 2] = -1
    perfect = detection_scores(said_of(active, position), active, position)
    assert perfect["f"].item() == perfect["f_class"].item() == 1 and perfect["error_deg"].item() < 0.1
    # Slots of a class may change places: what counts is that each event is met once.
    swapped = detection_scores(said_of(active.flip(3), position.flip(3)), active, position)
    assert swapped["f"].item() == 1
    away = detection_scores(said_of(active, -position), active, position)
    assert away["f"].item() == 0 and away["f_class"].item() == 1
    assert away["error_deg"].item() == pytest.approx(180, abs=0.1)
    half = active.clone()
    half[0, 1] = 0
    assert detection_scores(said_of(half, position), active, position)["f"].item() == pytest.approx(2 * 2 / (2 + 4))
    silent = detection_scores(said_of(torch.zeros_like(active), position), torch.zeros_like(active), position)
    assert silent["f"].isnan().all() and silent["error_deg"].isnan().all()
    everywhere = detection_scores(said_of(torch.ones_like(active), position), active, position)
    assert everywhere["f"].item() < 0.1


def test_tensorboard_is_optional(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert tensorboard_listener(tmp_path) is None
