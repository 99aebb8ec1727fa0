"""Judging on a clip: with an engine that knows the answers, on the real file."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from panosod_core.errors import ConfigError, MediaError  # noqa: E402 - needs torch
from panosod_core.inference.engine import CentreMap, EncodedFrame  # noqa: E402 - needs torch
from panosod_core.inference.judging_clip import judge_clip, on_target, sounding_truth  # noqa: E402 - needs torch
from panosod_core.metrics.sounding import FrameTruth  # noqa: E402 - needs torch
from panosod_core.synth.demo import build_demo  # noqa: E402 - needs torch
from panosod_core.synth.truth import load_truth  # noqa: E402 - needs torch
from tests.core.model.tiny import TINY_PANOSOD  # noqa: E402 - needs torch


class Knowing:
    """An engine that gives prepared answers, in order, and keeps what it heard."""

    config = TINY_PANOSOD
    model_id, description, guided = "", "an oracle", False

    def __init__(self, answers):
        self.answers, self.heard = list(answers), []

    def encode_frame(self, picture):
        return EncodedFrame(None, None, None)

    def encode_sound(self, window):
        self.heard.append(window)

    def centre_map(self, own, summaries, heard):
        return self.answers.pop(0)


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    path = tmp_path_factory.mktemp("clip") / "demo.mp4"
    return build_demo(path, width=128, height=64, fps=10, duration_s=3.0, seed=4)


def frames(clip, *, mirrored=False):
    truth = load_truth(clip)
    known = (sounding_truth(truth, i, mirrored=mirrored) for i in range(truth.header.frame_count))
    return [who for who in known if who is not None]


def lying_on(who, *, twin):
    """A map of the one that sounds, or of its look-alike."""
    slots = who.candidates & ~who.sounding if twin else who.sounding
    saliency = np.isin(who.labels, np.flatnonzero(slots) + 1).astype(np.float32)
    return CentreMap(saliency, None)


def test_masks_on_what_sounds_are_on_target(clip):
    known = frames(clip)
    told = []
    result = judge_clip(
        Knowing(lying_on(who, twin=False) for who in known), clip, progress=lambda *counts: told.append(counts)
    )
    assert result.judged == result.on_target == len(known) > 15 and result.share == 1.0
    assert result.evaluation.sounding.twin_accuracy == 1.0 and told[-1] == (30, 30)
    assert {"left twin", "right twin"} <= set(result.by_object)


def test_masks_on_the_twin_are_not(clip):
    result = judge_clip(Knowing(lying_on(who, twin=True) for who in frames(clip)), clip)
    assert result.on_target == 0 and result.evaluation.sounding.twin_accuracy == 0.0


def test_mirrored_sound_asks_for_the_other_twin(clip):
    known = frames(clip, mirrored=True)
    plain = {i: who for i in range(30) if (who := sounding_truth(load_truth(clip), i)) is not None}
    twins = [who for who in plain.values() if who.sounding[:2].any()]
    assert len(known) == len(twins) > 5
    for straight, turned in zip(twins, known, strict=True):
        assert not (straight.sounding & turned.sounding).any() and turned.sounding[:2].sum() == 1
    engine, usual = (Knowing(lying_on(who, twin=False) for who in known) for _ in range(2))
    result = judge_clip(engine, clip, mirrored=True)
    assert result.share == 1.0 and set(result.by_object) == {"left twin", "right twin"}
    usual.answers += [lying_on(next(iter(plain.values())), twin=False)] * 30
    judge_clip(usual, clip)
    # the first twin's turn comes first in both
    assert np.array_equal(engine.heard[0], usual.heard[0] * np.array([1, -1, 1, 1], np.float32)[:, None])


def test_a_stride_leaves_frames_out(clip):
    known = frames(clip)
    some = judge_clip(Knowing([lying_on(known[0], twin=False)] * 30), clip, stride=5)
    assert 0 < some.judged < len(known)
    with pytest.raises(ConfigError, match="stride"):
        judge_clip(Knowing([]), clip, stride=0)


def test_a_mask_must_cover_half_and_spare_the_twin():
    labels = np.zeros((8, 16), np.uint8)
    labels[2:4, 2:6], labels[2:4, 10:14] = 1, 2
    who = FrameTruth(labels, np.array([True, True]), np.array([True, False]), np.eye(3)[:2])
    mask = (labels == 1).astype(np.float32)
    assert on_target(mask, who)
    assert on_target(mask * 0.5, who) and not on_target(mask * 0.49, who)
    half = mask.copy()
    half[2, 2:6] = 0
    assert on_target(half, who)
    half[3, 2] = 0
    assert not on_target(half, who)
    both = mask.copy()
    both[2, 10] = 1
    assert not on_target(both, who)
    # the truth may be finer than the map
    fine = FrameTruth(labels.repeat(3, 0).repeat(3, 1), who.candidates, who.sounding, who.directions)
    assert on_target(mask, fine) and not on_target(1 - mask, fine)


def test_a_clip_without_truth_is_refused(tmp_path, clip):
    alone = tmp_path / "alone.mp4"
    alone.write_bytes(clip.read_bytes())
    with pytest.raises(MediaError, match="truth"):
        judge_clip(Knowing([]), alone)
