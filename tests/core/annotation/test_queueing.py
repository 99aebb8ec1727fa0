"""The queue of frames to annotate: what it never proposes, that it does not repeat itself, that what it says holds."""

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from panosod_core.annotation.queueing import (
    OTHER_CLIP,
    SAME,
    SIGHT,
    Pool,
    Strategy,
    Weights,
    distances,
    joined,
    next_picks,
    sight_of,
)

MEASURED = [s for s in Strategy if s is not Strategy.RANDOM]


def made_pool(seed, *, clips=3, most=40, labelled=0.1, closed=0.1, unknown=0.1):
    rng = np.random.default_rng(seed)
    pools = []
    for clip in range(1, clips + 1):
        n = int(rng.integers(1, most))
        descriptor = np.zeros((n, SIGHT + 3), np.float32)
        # A few places that come again and again, as in a real clip.
        places = rng.integers(0, 6, n)
        descriptor[np.arange(n), places] = 1
        descriptor[:, SIGHT:] = np.eye(3)[places % 3]
        is_labelled = rng.random(n) < labelled
        entropy = rng.random(n).astype(np.float32)
        off = (np.pi * rng.random(n)).astype(np.float32)
        entropy[rng.random(n) < unknown] = np.nan
        off[rng.random(n) < unknown] = np.nan
        index = np.cumsum(rng.integers(1, 30, n))
        pools.append(
            Pool(
                clip=np.full(n, clip),
                index=index,
                pts=100 * index,
                time_s=index / 25,
                entropy=entropy,
                disagreement_rad=off,
                area=np.where(np.isnan(off), 0, 0.1).astype(np.float32),
                sounds=rng.random(n) < 0.8,
                descriptor=descriptor,
                is_labelled=is_labelled,
                is_closed=is_labelled | (rng.random(n) < closed),
            )
        )
    return joined(pools)


def row_of(pool, pick):
    (row,) = np.flatnonzero((pool.clip == pick.clip) & (pool.index == pick.index))
    return int(row)


POOLS = st.integers(0, 10_000).map(made_pool)
STRATEGIES = st.sampled_from(list(Strategy))


@settings(max_examples=25, deadline=None)
@given(POOLS, STRATEGIES, st.integers(1, 30), st.integers(0, 5))
def test_only_open_frames_each_once_and_all_of_them_where_there_are_few(pool, strategy, count, seed):
    picks = next_picks(pool, strategy, count=count, seed=seed)
    rows = [row_of(pool, p) for p in picks]
    assert len(set(rows)) == len(rows) == min(count, np.count_nonzero(~pool.is_closed))
    assert not pool.is_closed[rows].any()
    assert [(p.pts, p.time_s) for p in picks] == [(pool.pts[r], pool.time_s[r]) for r in rows]
    assert picks == next_picks(pool, strategy, count=count, seed=seed)
    assert picks[: count // 2] == next_picks(pool, strategy, count=count // 2, seed=seed) if count > 1 else True


@settings(max_examples=15, deadline=None)
@given(POOLS, st.integers(0, 5))
def test_random_order_hangs_on_the_seed_and_labels_leave_the_rest_of_it_as_it_is(pool, seed):
    order = next_picks(pool, Strategy.RANDOM, count=1000, seed=seed)
    if len(order) > 8:
        assert order != next_picks(pool, Strategy.RANDOM, count=1000, seed=seed + 1)
    closed = pool.is_closed.copy()
    for pick in order[::2]:
        closed[row_of(pool, pick)] = True
    after = next_picks(replace(pool, is_closed=closed), Strategy.RANDOM, count=1000, seed=seed)
    assert [(p.clip, p.index) for p in after] == [(p.clip, p.index) for p in order[1::2]]


def test_random_is_even():
    pool = made_pool(5, clips=2, most=1000, labelled=0, closed=0)
    share = np.mean(pool.clip == 1)
    chosen = [p.clip == 1 for seed in range(60) for p in next_picks(pool, Strategy.RANDOM, count=10, seed=seed)]
    assert np.mean(chosen) == pytest.approx(share, abs=4 * np.sqrt(share * (1 - share) / len(chosen)))


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10_000))
def test_the_farthest_first_covers_what_is_there_as_greedy_k_centre_does(seed):
    """Every pick is the farthest from all before it: what is left is never further than the last pick was."""
    pool = made_pool(seed, labelled=0.05)
    picks = next_picks(pool, Strategy.NEW, count=12)
    done = list(np.flatnonzero(pool.is_labelled))
    for pick in picks:
        row = row_of(pool, pick)
        gaps = np.array([gap(pool, r, done) for r in range(len(pool))])
        worth = gaps * np.minimum(1, gaps / SAME)
        assert worth[row] == pytest.approx(worth[~pool.is_closed & ~np.isin(np.arange(len(pool)), done)].max())
        assert pick.score == pytest.approx(worth[row])
        done.append(row)
    assert [p.score for p in picks] == sorted((p.score for p in picks), reverse=True)


def gap(pool, row, others):
    same = [o for o in others if pool.clip[o] == pool.clip[row]]
    return min((float(distances(pool, o, np.array([row]))[0]) for o in same), default=OTHER_CLIP)


@pytest.mark.parametrize("strategy", MEASURED)
def test_a_dull_stretch_is_proposed_once_before_everything_else_has_been(strategy):
    """Forty times the same moment, uncertain and off the sound, and five others that are neither."""
    calm, rare = 40, 5
    n = calm + rare
    descriptor = np.zeros((n, SIGHT + 3), np.float32)
    descriptor[:calm, 0] = 1
    descriptor[np.arange(calm, n), 1 + np.arange(rare)] = 1
    pool = Pool(
        clip=np.ones(n, np.int64),
        index=np.arange(n),
        pts=np.arange(n),
        time_s=np.r_[0.1 * np.arange(calm), 100 + 60 * np.arange(rare)],
        entropy=np.r_[np.full(calm, 0.9), np.full(rare, 0.1)].astype(np.float32),
        disagreement_rad=np.r_[np.full(calm, 0.9), np.full(rare, 0.1)].astype(np.float32),
        area=np.full(n, 0.1, np.float32),
        sounds=np.ones(n, bool),
        descriptor=descriptor,
        is_labelled=np.zeros(n, bool),
        is_closed=np.zeros(n, bool),
    )
    picks = next_picks(pool, strategy, count=6)
    # "Unsure" and "off the sound" alone know no more of the rare ones than that nothing speaks for them.
    most = 2 if strategy in (Strategy.BEST, Strategy.NEW, Strategy.CHANGE) else 6
    assert sum(p.index < calm for p in picks) <= most
    apart = [abs(a.time_s - b.time_s) for a in picks for b in picks if a is not b and max(a.index, b.index) < calm]
    assert not apart or min(apart) >= 0.3


@settings(max_examples=25, deadline=None)
@given(POOLS, STRATEGIES)
def test_what_a_reason_says_holds(pool, strategy):
    known = np.sort(pool.entropy[~pool.is_closed & np.isfinite(pool.entropy)])
    for pick in next_picks(pool, strategy, count=25):
        row = row_of(pool, pick)
        assert pick.reason[0].islower() and not pick.reason.endswith(".") and "\n" not in pick.reason
        times = pool.time_s[pool.is_labelled & (pool.clip == pick.clip)]
        apart = np.abs(times - pick.time_s).min() if times.size else None
        if said := re.search(r"nothing labelled within (\d+) s", pick.reason):
            assert apart is not None and apart >= int(said[1]) > apart - 1
        elif said := re.search(r"nearest labelled frame is ([\d.]+) s away", pick.reason):
            assert float(said[1]) == pytest.approx(apart, abs=0.051)
        else:
            assert apart is None and "nothing of this clip is labelled yet" in pick.reason
        if said := re.search(r"mask and sound are (\d+)°", pick.reason):
            assert np.degrees(pool.disagreement_rad[row]) == pytest.approx(int(said[1]), abs=0.51)
        if "nothing is marked" in pick.reason:
            assert pool.sounds[row] and pool.area[row] == 0
        if said := re.search(r"unsure: ([\d.]+) bit, above (\d+) %", pick.reason):
            assert pool.entropy[row] == pytest.approx(float(said[1]), abs=6e-4)
            assert 100 * np.mean(known < pool.entropy[row]) == pytest.approx(int(said[2]), abs=0.51)
        if said := re.search(r"since the label ([\d.]+) s before", pick.reason):
            before = times[times <= pick.time_s]
            assert pick.time_s - before.max() == pytest.approx(float(said[1]), abs=0.051)


def test_uncertainty_and_disagreement_choose_the_frame_they_name():
    pool = made_pool(3, labelled=0, closed=0, unknown=0)
    first = next_picks(pool, Strategy.UNSURE, count=1)[0]
    assert row_of(pool, first) == int(np.argmax(pool.entropy))
    pool = replace(pool, area=np.full(len(pool), 0.1, np.float32))
    first = next_picks(pool, Strategy.OFF_SOUND, count=1)[0]
    assert row_of(pool, first) == int(np.argmax(pool.disagreement_rad)) and "° apart" in first.reason


def test_no_mask_while_something_sounds_is_the_greatest_disagreement():
    pool = made_pool(3, labelled=0, closed=0, unknown=0)
    silent = np.full(len(pool), 0.1, np.float32)
    silent[7] = 0
    off = pool.disagreement_rad.copy()
    off[7] = np.nan
    pool = replace(pool, area=silent, disagreement_rad=off, sounds=np.ones(len(pool), bool))
    first = next_picks(pool, Strategy.OFF_SOUND, count=1)[0]
    assert row_of(pool, first) == 7 and first.reason.startswith("something sounds, nothing is marked")


def test_the_best_goes_to_every_clip_first():
    pool = made_pool(11, clips=6, labelled=0, closed=0)
    assert len({p.clip for p in next_picks(pool, Strategy.BEST, count=6)}) == 6


def test_a_map_is_told_by_its_places():
    size = 64, 128
    empty, left, right = (np.zeros(size, np.uint8) for _ in range(3))
    left[28:36, 30:34] = 255
    right[28:36, 90:94] = 255
    larger = left.copy()
    larger[26:38, 28:36] = 255
    assert not sight_of(empty).any() and not sight_of(np.full(size, 2, np.uint8)).any()
    assert np.linalg.norm(sight_of(left)) == pytest.approx(1)
    assert np.linalg.norm(sight_of(left) - sight_of(right)) == pytest.approx(np.sqrt(2))
    assert np.linalg.norm(sight_of(left) - sight_of(larger)) < 0.5
    hum = np.maximum(left, 20)
    assert np.array_equal(sight_of(hum), sight_of(left))
    twice = left.repeat(2, 0).repeat(2, 1)
    assert np.allclose(sight_of(twice), sight_of(left), atol=0.02)


def test_what_cannot_be_a_pool_or_weights_is_refused():
    pool = made_pool(1)
    with pytest.raises(ValueError, match="shape"):
        replace(pool, entropy=pool.entropy[:-1])
    with pytest.raises(ValueError, match="labelled frame is closed"):
        replace(pool, is_labelled=np.ones(len(pool), bool), is_closed=np.zeros(len(pool), bool))
    with pytest.raises(ValueError, match="not numbers"):
        replace(pool, descriptor=pool.descriptor * np.nan)
    for wrong in ({}, {"unsure": -1.0}, {"new": float("inf")}):
        with pytest.raises(ValueError, match="weights"):
            Weights(**wrong)
