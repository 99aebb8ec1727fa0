"""Masks carried through a real clip by the thread: where it goes, where it stops, and how soon it can be cancelled."""

import threading
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue

import cv2
import numpy as np
import pytest

from panosod_core.annotation.masks import RingMask
from panosod_core.annotation.records import FrameKey
from panosod_core.geometry.picture import PictureGeometry
from panosod_core.inference.cache import CacheKey, PredictionCache
from panosod_core.inference.map_record import map_record
from panosod_core.media.clock import clip_origin_s
from panosod_core.media.probe import probe
from panosod_core.media.video import VideoReader
from panosod_core.synth.truth import load_truth
from panosod_viewer.workers.map_reading import CacheAddress
from panosod_viewer.workers.propagating import AHEAD, CarriedTo, CarryEnded, CarryJob, CarryWorker, End, Shut
from tests.clips import demo_clip

FRAMES = 60
SHAPE = (160, 320)


@pytest.fixture(autouse=True)
def one_thread():
    cv2.setNumThreads(1)


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    return demo_clip(tmp_path_factory.mktemp("clips"), duration_s=2.0)


@pytest.fixture(scope="module")
def pts(clip) -> np.ndarray:
    with VideoReader(clip, probe(clip).video) as reader:
        return reader.frame_pts()


@pytest.fixture
def job(clip, pts):
    info, truth = probe(clip), load_truth(clip)

    def made(start=10, last=20, ids=None, **words) -> CarryJob:
        labels = truth.mask(start)
        ids = tuple(int(i) for i in np.unique(labels) if i) if ids is None else ids
        key = FrameKey(1, info.video.stream_index, int(pts[start]), start)
        words = {"geometry": PictureGeometry(), "run": 7} | words
        return CarryJob(clip, info.video, clip_origin_s(info), start=key, labels=labels, ids=ids, last=last, **words)

    return made


class Taker:
    """Takes letters as they come, and says so; or leaves them."""

    def __init__(self, job, *, takes=True):
        self.letters, self.came = [], SimpleQueue()
        self.worker = CarryWorker(job, self.came.put)
        self.takes = takes
        self.worker.start()

    def all(self):
        while not self.letters or not isinstance(self.letters[-1], CarryEnded):
            self.next()
        assert self.worker.close(timeout_s=60)
        return [x for x in self.letters if isinstance(x, CarriedTo)], self.letters[-1]

    def next(self):
        letter = self.came.get(timeout=60)
        self.letters.append(letter)
        if self.takes and isinstance(letter, CarriedTo):
            self.worker.taken()
        return letter


def overlap(masks, truth, index) -> float:
    labels = np.zeros(SHAPE, np.uint8)
    for i, mask in masks.items():
        if mask is not None:
            labels[mask.full(SHAPE)] = i
    there = np.where(np.isin(truth.mask(index), list(masks)), truth.mask(index), 0)
    return float(np.count_nonzero((labels == there) & (there > 0)) / np.count_nonzero((labels > 0) | (there > 0)))


@pytest.mark.parametrize("step", [1, -1])
def test_it_goes_frame_by_frame_in_either_direction_and_stays_on_the_objects(job, clip, pts, step):
    truth = load_truth(clip)
    carried, ended = Taker(job(30, 30 + 15 * step)).all()
    assert [c.key.index for c in carried] == [30 + step * n for n in range(1, 16)]
    assert [c.key.pts for c in carried] == [int(pts[30 + step * n]) for n in range(1, 16)]
    assert (ended.end, ended.frames, ended.run) == (End.DONE, 15, 7)
    # One goes over a pole within half a second: so small, the processor's arithmetic decides if flow holds it.
    assert ended.text in ("", "object 5 was lost sight of")
    still = {i: RingMask.of(truth.mask(30) == i) for i in carried[-1].masks}
    last = 30 + 15 * step
    assert overlap(carried[-1].masks, truth, last) > 0.55 > overlap(still, truth, last)


def test_backwards_over_more_than_one_block_ends_at_the_first_frame(job):
    carried, ended = Taker(job(50, 0)).all()
    assert [c.key.index for c in carried] == list(range(49, -1, -1)) and ended.end is End.DONE


def test_it_stops_before_a_frame_that_is_shut_and_says_why(job, pts):
    carried, ended = Taker(job(10, 40, shut={int(pts[15]): Shut("accepted")})).all()
    assert [c.key.index for c in carried] == [11, 12, 13, 14]
    assert ended.end is End.SHUT and "frame 15 (accepted)" in ended.text


def test_one_object_stops_and_the_others_go_on(job, pts):
    first, *others = job().ids
    assert others
    shut = {int(pts[13]): Shut("", {first: "locked"})}
    carried, ended = Taker(job(10, 16, shut=shut)).all()
    assert [first in c.masks for c in carried] == [True, True, False, False, False, False]
    assert all(set(others) <= set(c.masks) for c in carried)
    assert ended.end is End.DONE and f"frame 13 (locked) for object {first}" in ended.text


def test_the_clip_ends_before_the_frames_do(job):
    carried, ended = Taker(job(FRAMES - 4, FRAMES + 20)).all()
    assert [c.key.index for c in carried] == [FRAMES - 3, FRAMES - 2, FRAMES - 1]
    assert ended.end is End.CLIP_OVER


def test_between_two_frames_is_filled_from_both_and_shut_frames_are_left_out(job, clip, pts):
    truth = load_truth(clip)
    end = FrameKey(1, 0, int(pts[34]), 34), truth.mask(34)
    shut = {int(pts[20]): Shut("locked")}
    carried, ended = Taker(job(10, 33, end=end, shut=shut)).all()
    assert [c.key.index for c in carried] == list(range(11, 34)) and ended.end is End.DONE
    assert not dict(carried[9].masks) and overlap(carried[22].masks, truth, 33) > 0.85
    assert overlap(carried[11].masks, truth, 22) > 0.75


def test_it_never_runs_far_ahead_and_cancelling_needs_no_more_than_the_frame_at_work(job):
    taker = Taker(job(0, FRAMES - 1), takes=False)
    for _ in range(AHEAD):
        taker.next()
    taker.worker.cancel()
    carried, ended = taker.all()
    assert len(carried) == AHEAD and (ended.end, ended.frames) == (End.CANCELLED, AHEAD)


def test_a_cancelled_job_gives_at_most_the_frame_at_work(job):
    posted, going_on = [], threading.Event()

    def post(letter):
        posted.append(letter)
        if len(posted) == 3:
            worker.cancel()
        if isinstance(letter, CarryEnded):
            going_on.set()

    worker = CarryWorker(job(0, FRAMES - 1), post)
    worker.start()
    assert going_on.wait(60) and worker.close(timeout_s=60)
    assert len(posted) == 4 and posted[-1].end is End.CANCELLED


def test_another_copy_of_the_clip_is_refused(job):
    right = job()
    wrong = replace(right, start=replace(right.start, pts=right.start.pts + 1))
    carried, ended = Taker(wrong).all()
    assert not carried and ended.end is End.FAILED and "another copy" in ended.text


def test_the_models_maps_move_the_outline_where_they_are_there(job, clip, tmp_path):
    with PredictionCache(tmp_path).open(CacheKey("clip", "model")) as maps:
        for index in range(11, 17):
            maps.put(map_record(index, pts=index, time_s=0.0, saliency=np.zeros((80, 160), np.float32)))
    plain, _ = Taker(job(10, 16)).all()
    guided, ended = Taker(job(10, 16, guide=CacheAddress(str(tmp_path), "clip", "model", ""))).all()
    area = [sum(m.area_px() for m in c[-1].masks.values() if m is not None) for c in (plain, guided)]
    assert ended.end is End.DONE and area[1] < area[0]
